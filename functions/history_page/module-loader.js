/** Modules that are loaded on demand. */

import { createButton } from "./elements.js";
import { createNotice } from "./notices.js";

export class ModuleLoader {
	#locale;
	/** @type {Map<string, number>} how often each has failed */
	#failures = new Map();

	constructor(locale) {
		this.#locale = locale;
	}

	/**
	 * Loads a module and the texts that it shows. If that fails, for lack of a connection or during a deployment, returns a
	 * notice that tries again. Some browsers try only once for each page, so a second notice can also reload the page.
	 *
	 * @param {string} name
	 * @param {() => Promise<any>} load
	 * @param {() => void} again
	 */
	async load(name, load, again) {
		try {
			const [module, { TEXTS_ON_DEMAND }] = await Promise.all([load(), import("./texts-on-demand.js")]);
			this.#locale.extend(TEXTS_ON_DEMAND);
			return module;
		} catch {
			const failures = (this.#failures.get(name) ?? 0) + 1;
			this.#failures.set(name, failures);
			const text = (key) => this.#locale.text(key);
			const reload = failures > 1 ? [createButton(text("reload"), () => location.reload())] : [];
			const texts = [text("module.failed.title"), text("module.failed.text"), "failure"];
			return { notice: createNotice(texts, createButton(text("retry"), again, "primary"), ...reload) };
		}
	}
}
