/** The dialog of one execution or webhook. */

import { announce, createButton, createLiveRegion, createSkeleton, fill, h, isolate, reveal, setText } from "./elements.js";
import { createNotice, describeError } from "./notices.js";
import { UnsavedQuestion } from "./unsaved.js";

export class DetailsDialog {
	/** The dictionary's prefix of what is shown. */
	name = "";
	/** @type {string | undefined} */
	scope;
	/** The query of what is shown. */
	query = "";
	viewing = new AbortController();
	panel = h("div.panel", { hidden: true });
	element = h("dialog", {
		close: () => this.element.open || this.#closed(),
		cancel: (event) => this.#dismiss(event),
		keydown: (event) => event.key === "Escape" && !event.isComposing && this.#dismiss(event),
		mousedown: (event) => this.#isOutside(event) && (this.#dismiss(event) || this.leave()),
		input: () => this.#warn(),
	});
	/** The ID that is shown, or "". */
	shown = "";
	/** Called with the ID that is shown, or "" after the dialog has closed; `replaces` the history entry. */
	viewed = (id, replaces = false) => void [id, replaces];

	#preventUnload = (event) => event.preventDefault();
	/** Cancels the question in the panel. */
	#cancel;
	#unsaved = new UnsavedQuestion((key) => this.text(key));
	#title = h("h2");
	#close = createButton("", () => this.leave(), "close");
	#details = h("div.details");

	constructor(locale, api, changed) {
		this.locale = locale;
		this.api = api;
		this.changed = changed;
		const said = createLiveRegion(this.element, "unseen");
		this.element.append(h("header", this.#title, this.#close), this.#details, said);
	}

	/**
	 * The API's path of what has the ID.
	 *
	 * @abstract
	 * @param {string} id
	 * @returns {string}
	 */
	at(id) {
		throw new TypeError(id);
	}

	/**
	 * @abstract
	 * @param {any} found
	 */
	show(found) {
		throw new TypeError(found);
	}

	/** The component's text of a key. */
	text(key, values) {
		return this.locale.text(key, values);
	}

	open = async (id) => {
		const { signal } = this.begin();
		this.id = this.shown = id;
		this.render(createSkeleton(5));
		this.viewed(id);
		try {
			const found = await this.api.request("GET", this.at(id) + this.query, signal);
			if (!signal.aborted) this.show(found);
		} catch (error) {
			if (signal.aborted) return;
			const tryAgain = createButton(this.text("retry"), () => this.open(id));
			if (error.status === 404) this.render(createNotice(this.#textsOf(`${this.name}.notFound`)));
			else this.render(createNotice(describeError(this.locale, error, this.scope), tryAgain));
		}
	};

	#textsOf(key) {
		return [this.text(`${key}.title`), this.text(`${key}.text`)];
	}

	stop() {
		this.viewing.abort();
		this.panel.hidden = true;
		this.#cancel = null;
	}

	/** Closes without telling anyone. */
	dispose() {
		this.stop();
		this.#unsaved.forget();
		this.#warn();
		this.shown = "";
		this.element.open = false;
	}

	/** Shows an open dialog as modal again, after it was moved in the document. */
	showAgain() {
		if (!this.element.open) return;
		this.element.open = false;
		this.element.showModal();
	}

	begin() {
		this.stop();
		return (this.viewing = new AbortController());
	}

	/** Closes for the viewer, and discards what is not saved. */
	close() {
		this.hide();
		this.viewed("");
	}

	/** Closes because something else is to be shown. */
	hide() {
		if (!this.shown) return;
		this.#unsaved.forget();
		this.shown = "";
		this.element.close();
	}

	/** Shows what has the ID, unless it is open; nothing if it is "". */
	showId(id) {
		if (!id) this.hide();
		else if (id !== this.shown) this.open(id);
	}

	/** Does what discards the edits, which is to close the dialog unless told otherwise. Asks first if there are any. */
	leave(act = () => this.close(), keep = () => {}) {
		if (this.isEdited) this.#unsaved.ask(this.element, act, keep);
		else act();
	}

	/** Whether something was typed that is not saved. */
	get isEdited() {
		return this.element.open && this.#unsaved.isEdited;
	}

	/** Whether a question in the panel waits for an answer. */
	get isAsking() {
		return Boolean(this.#cancel) && !this.panel.hidden;
	}

	/** Takes what was typed into a form of the class `edits` as saved. */
	settle(form) {
		this.#unsaved.settle(form);
		this.#warn();
	}

	/** Before Esc or a click outside closes it: cancels an open question, or asks whether to discard what was typed. */
	#dismiss(event) {
		const { isAsking } = this;
		if (!isAsking && !this.isEdited) return false;
		event.preventDefault();
		if (isAsking) this.#cancel();
		else this.leave();
		return true;
	}

	#isOutside({ target, clientX: x, clientY: y }) {
		const { left, right, top, bottom } = this.element.getBoundingClientRect();
		return target === this.element && (x < left || x > right || y < top || y > bottom);
	}

	/** Has the browser ask before the page is closed. */
	#warn() {
		const act = this.isEdited ? addEventListener : removeEventListener;
		act("beforeunload", this.#preventUnload);
	}

	#closed() {
		if (this.#unsaved.isEdited) {
			// closed by the browser, without asking
			this.element.showModal();
			return this.leave();
		}
		const wasShown = this.shown;
		this.shown = "";
		this.onClose();
		if (wasShown) this.viewed("");
	}

	onClose() {
		this.stop();
		fill(this.#details);
		this.#warn();
	}

	/**
	 * Shows children below the head, which stays.
	 *
	 * @param {any} [lead] comes before the actions
	 */
	render(children, title = this.text(this.name), actions = [], lead = []) {
		this.element.ariaLabel = title;
		fill(this.#title, isolate(title));
		setText(this.#close, this.text("close"));
		fill(this.#details, lead, h("div.actions", ...actions), children);
		this.#unsaved.start(this.element);
		this.#warn();
		if (!this.element.open) this.element.showModal();
		this.#close.focus();
	}

	/**
	 * Asks in the panel. The dictionary has what confirms it, `${key}.confirm`.
	 *
	 * @param {string} key
	 * @param {string} question
	 * @param {(form: any) => any} act returns false if the question is to stay open
	 * @param {any} opener has the focus again after Cancel
	 * @param {() => any[]} [createFields] fields of the form that asks
	 */
	ask(key, question, act, opener, createFields = () => []) {
		const asked = h("p", { tabindex: "-1" }, isolate(question));
		const confirm = async () => {
			confirmed.disabled = true;
			this.#cancel = null;
			if ((await act(form)) !== false) return;
			confirmed.disabled = false;
			this.#cancel = cancel;
		};
		const cancel = () => {
			this.#cancel = null;
			this.panel.hidden = true;
			opener.focus();
		};
		this.#cancel = cancel;
		const confirmed = h("button.primary", this.text(`${key}.confirm`));
		const canceled = createButton(this.text("cancel"), cancel);
		const form = h("form", { novalidate: true, submit: confirm }, asked, createFields(), confirmed, canceled);
		reveal(this.panel, form);
		asked.focus();
	}

	/**
	 * A button that asks first.
	 *
	 * @param {string} key
	 * @param {string} question
	 * @param {(form: any) => any} act
	 * @param {string} [look]
	 * @param {() => any[]} [createFields]
	 */
	createConfirmedButton(key, question, act, look, createFields) {
		const opener = createButton(this.text(key), () => this.ask(key, question, act, opener, createFields), look);
		return opener;
	}

	showMessage(text, ...more) {
		this.#cancel = null;
		reveal(this.panel, h("p", isolate(text)), more);
		announce(this.panel, text);
	}

	/**
	 * Returns the response's JSON. After an error, returns what `fail` returns; by default, it shows the error and returns
	 * undefined.
	 *
	 * @param {string} method
	 * @param {string} [rest] the path after the ID
	 * @param {any} [body]
	 * @param {(error: any) => any} [fail]
	 */
	async request(method, rest = "", body, fail = (error) => this.showError(error, rest)) {
		const { signal } = this.viewing;
		try {
			const response = await this.api.request(method, this.at(this.id) + rest, new AbortController().signal, body);
			return signal.aborted ? undefined : response;
		} catch (error) {
			return signal.aborted ? undefined : fail(error);
		}
	}

	/** @param {string} [rest] the path after the ID */
	showError(error, rest) {
		this.showMessage(describeError(this.locale, error).slice(0, 2).join(". "));
	}
}
