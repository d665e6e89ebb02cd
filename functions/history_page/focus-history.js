/** Where the focus was when the viewer left a state of the component. */

export class FocusHistory {
	#root;
	/** @type {Map<string, any>} by the state that was left */
	#focused = new Map();

	/** @param {ShadowRoot} root */
	constructor(root) {
		this.#root = root;
	}

	remember(state) {
		const { activeElement: focused } = this.#root;
		if (focused) this.#focused.set(JSON.stringify(state), focused);
	}

	/** Gives the focus back, unless it is in a dialog. */
	restore(state) {
		const focused = this.#focused.get(JSON.stringify(state));
		if (!focused?.isConnected || this.#root.querySelector("dialog[open]")) return;
		const isChoice = focused.type === "radio";
		(isChoice ? focused.closest("fieldset").querySelector(":checked") : focused).focus();
	}
}
