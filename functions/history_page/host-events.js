/** Tells the host what the viewer changes. */

import { EMPTY_STATE, getFilter } from "./address.js";
import { areEqual } from "./filter.js";

export class HostEvents {
	#element;
	/** The state that the host knows. */
	#told = EMPTY_STATE;

	/** @param {HTMLElement} element the component */
	constructor(element) {
		this.#element = element;
	}

	/** @param {string} webhook the one that the host has chosen */
	start(webhook) {
		this.#told = { ...this.#told, webhook };
	}

	/** The host has set this state itself. */
	skip(state) {
		this.#told = state;
	}

	/** Tells the host the state that is kept instead of what it has set. */
	refuse(changes, state) {
		this.#told = { ...state, ...changes };
		this.tell(state);
	}

	/** Dispatches an event for each part of the state that the host does not know. */
	tell(state) {
		const told = this.#told;
		this.#told = state;
		const { webhook: webhookId, execution: executionId } = state;
		if (webhookId && webhookId !== told.webhook) this.#dispatch("webhook-selected", { webhookId });
		if (state.view !== told.view) this.#dispatch("view-changed", { view: state.view || "history" });
		if (!areEqual(state, told)) this.#dispatch("filter-changed", getFilter(state));
		if (executionId === told.execution) return;
		if (executionId) this.#dispatch("execution-opened", { executionId, webhookId });
		else this.#dispatch("execution-closed", { executionId: told.execution, webhookId: told.webhook });
	}

	/** @param {{executionId: string, messageId: string}} resent */
	tellResent(resent) {
		this.#dispatch("resent", resent);
	}

	/**
	 * Tells the host that a token is needed; whether the host promises to set one.
	 *
	 * @param {"missing" | "expired"} reason
	 */
	askForToken(reason) {
		return !this.#dispatch("token-needed", { reason }, true);
	}

	#dispatch(name, detail, cancelable = false) {
		return this.#element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
	}
}
