/** What is wrong with a text that was typed. */

export class Invalid {
	/** @param {...[string, object?]} texts keys of the dictionary with their values */
	constructor(...texts) {
		this.texts = texts;
	}

	describe(locale) {
		return this.texts.map(([key, values]) => locale.text(key, values)).join(" ");
	}
}
