/** The views of the component: the history with an execution's details, and the webhooks. */

import { getFilter } from "./address.js";
import { MANAGE } from "./api.js";
import { createButton, createRadioGroup, h } from "./elements.js";
import { ExecutionList } from "./execution-list.js";
import { ModuleLoader } from "./module-loader.js";

export class Views {
	element = h("div");

	#locale;
	#api;
	#host;
	#list;
	#dialog;
	#webhooks;
	#tabs;
	#modules;
	/** What is shown in the place of a view or dialog whose module cannot be loaded. */
	#missing = h("div", { hidden: true });
	#missingDetails = h("dialog", { close: () => this.#missingDetails.open || this.#host.navigate({ execution: "" }) });
	/** @type {Record<string, string>} what is shown, or will be once its module is loaded */
	#state = {};

	/**
	 * @param {import("./locale.js").Locale} locale
	 * @param {import("./api.js").Api} api
	 * @param {{
	 *   navigate: (changes: Record<string, string>, how?: {refreshes?: boolean, replaces?: boolean}) => void,
	 *   openHistory: (webhookId: string) => void,
	 *   resent: (resent: {executionId: string, messageId: string}) => void,
	 * }} host what it calls when the viewer acts
	 */
	constructor(locale, api, host) {
		this.#locale = locale;
		this.#api = api;
		this.#host = host;
		this.#list = new ExecutionList(locale, api,
			(id) => host.navigate({ execution: id }),
			(filter) => host.navigate(filter),
		);
		const [label, history, webhooks] = ["label", "history", "webhooks"].map((part) => locale.text(`views.${part}`));
		const choose = () => host.navigate({ view: this.#tabs.elements.view.value }, { refreshes: true });
		this.#tabs = h("form.views", { change: choose },
			createRadioGroup(label, "view", "", ["", history], ["webhooks", webhooks]),
		);
		this.#modules = new ModuleLoader(locale);
		this.#missingDetails.ariaLabel = locale.text("module.failed.title");
		this.element.append(this.#tabs, this.#list.element, this.#missing, this.#missingDetails);
	}

	/** Shows a state, and loads only what is not loaded. */
	show(state, refreshes) {
		const mayList = ["webhooks:read", MANAGE].some((scope) => this.#api.allows(scope));
		this.#tabs.hidden = !mayList || !this.#api.webhook;
		// without a webhook, the list is where one is chosen
		const isHistory = !mayList || (Boolean(this.#api.webhook) && state.view !== "webhooks");
		const execution = isHistory && this.#api.isReady ? state.execution : "";
		const edit = !isHistory && this.#api.allows(MANAGE) ? state.edit : "";
		this.#state = { ...state, view: isHistory ? "" : "webhooks", execution, edit };
		this.#tabs.elements.view[isHistory ? 0 : 1].checked = true;
		this.#missing.hidden = true;
		if (!execution) this.#missingDetails.open = false;
		const other = isHistory ? this.#webhooks : this.#list;
		other?.stop();
		if (other) other.element.hidden = true;
		this.#showExecution(execution);
		if (!isHistory) return this.#showWebhooks(refreshes);
		this.#webhooks?.dialog.hide();
		this.#list.element.hidden = false;
		this.#list.update(getFilter(state), refreshes);
	}

	/** The focus goes to the chosen tab. */
	focus() {
		this.#tabs.querySelector(":checked").focus();
	}

	/** The dialog in which something is not saved. */
	get editedDialog() {
		return this.#dialogs.find(({ isEdited }) => isEdited);
	}

	get shownExecution() {
		return this.#dialog?.shown ?? "";
	}

	/** Repeats what has failed. */
	tryAgain() {
		(this.#state.view ? this.#webhooks : this.#list)?.tryAgain?.();
	}

	/** Forgets what is loaded. */
	reset() {
		for (const list of this.#lists) list.reset();
	}

	stop() {
		for (const list of this.#lists) list.stop();
		for (const dialog of this.#dialogs) dialog.dispose();
	}

	updateTimes() {
		for (const list of this.#lists) list.tick();
	}

	tick() {
		this.#dialog?.tick();
	}

	/** Shows an open dialog again, after the component was moved in the document. */
	showAgain() {
		for (const dialog of this.#dialogs) dialog.showAgain();
	}

	get #lists() {
		return [this.#list, this.#webhooks].filter(Boolean);
	}

	get #dialogs() {
		return [this.#dialog, this.#webhooks?.dialog].filter(Boolean);
	}

	async #showExecution(id) {
		if (id && !this.#dialog) {
			const again = () => this.#showExecution(this.#state.execution);
			const module = await this.#modules.load("details", () => import("./execution-dialog.js"), again);
			if (module.notice) return this.#showMissingDetails(module.notice);
			this.#missingDetails.open = false;
			this.#dialog ??= this.#createExecutionDialog(module.ExecutionDialog);
		}
		this.#dialog?.showId(this.#state.execution);
	}

	#showMissingDetails(notice) {
		if (!this.#state.execution) return;
		const close = createButton(this.#locale.text("close"), () => this.#missingDetails.close(), "close");
		this.#missingDetails.replaceChildren(h("header", h("span"), close), h("div.details", notice));
		if (!this.#missingDetails.open) this.#missingDetails.showModal();
		notice.querySelector("button").focus();
	}

	#createExecutionDialog(ExecutionDialog) {
		const dialog = new ExecutionDialog(this.#locale, this.#api, () => this.#list.refresh());
		dialog.viewed = (id) => this.#host.navigate({ execution: id });
		dialog.resent = this.#host.resent;
		this.element.append(dialog.element);
		return dialog;
	}

	async #showWebhooks(refreshes) {
		if (!this.#webhooks) {
			const again = () => this.#showWebhooks(false);
			const module = await this.#modules.load("webhooks", () => import("./webhook-list.js"), again);
			const isMissing = module.notice && this.#state.view === "webhooks";
			this.#missing.replaceChildren(...(isMissing ? [module.notice] : []));
			this.#missing.hidden = !isMissing;
			if (module.notice) return;
			this.#webhooks ??= this.#createWebhookList(module.WebhookList);
		}
		if (this.#state.view !== "webhooks") return;
		this.#webhooks.element.hidden = false;
		this.#webhooks.update(refreshes);
		this.#webhooks.dialog.showId(this.#state.edit);
	}

	#createWebhookList(WebhookList) {
		const list = new WebhookList(this.#locale, this.#api, this.#host.openHistory);
		list.dialog.viewed = (id, replaces) => this.#host.navigate({ edit: id }, { replaces });
		this.element.append(list.element);
		return list;
	}
}
