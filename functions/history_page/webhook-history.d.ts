/** The web component <webhook-history>: https://developer.mozilla.org/docs/Web/API/Web_components */

/** What the list shows. What is left out, or "", is not filtered by. */
export interface Filter {
	status?: "" | "success" | "failure";
	/** A preset (`24h`, `7d`, `30d`) or a time in UTC, such as `2026-11-24T08:00Z`. */
	from?: string;
	to?: string;
	/** A part of the range, chosen on the chart: two times, separated by a slash. */
	bar?: string;
	/** A message ID. */
	message?: string;
	/** An event type, or `order.*`. */
	event?: string;
	/** A status code, `5xx`, or `0` if no response came. */
	result?: string;
	/** An error type, such as `read_timeout`. */
	error?: string;
}

export interface WebhookHistoryEventMap {
	"execution-opened": CustomEvent<{ executionId: string; webhookId: string }>;
	"execution-closed": CustomEvent<{ executionId: string; webhookId: string }>;
	"filter-changed": CustomEvent<Filter>;
	"view-changed": CustomEvent<{ view: "history" | "webhooks" }>;
	"webhook-selected": CustomEvent<{ webhookId: string }>;
	"token-needed": CustomEvent<{ reason: "missing" | "expired" }>;
	resent: CustomEvent<{ executionId: string; messageId: string }>;
}

/** A text, or the forms of a plural by category of Intl.PluralRules. */
export type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;

export interface WebhookHistory extends HTMLElement {
	/** The API's base URL. */
	api: string;
	/** The webhook to show first. */
	webhook: string;
	token: string;
	/** "off": the page's address is neither read nor written. */
	routing: string;
	/** Called if there is no token, or if the API says that it has expired. */
	renewToken?: (() => string | Promise<string>) | undefined;
	/** Replaces texts by their keys in texts.js. */
	texts: Record<string, Text>;
	get filter(): Filter;
	/** Null shows everything. */
	set filter(filter: Filter | null);
	/** The ID of the open execution. */
	execution: string | null;
	view: "history" | "webhooks";

	addEventListener<Type extends keyof WebhookHistoryEventMap>(
		type: Type,
		listener: (this: WebhookHistory, event: WebhookHistoryEventMap[Type]) => void,
		options?: boolean | AddEventListenerOptions,
	): void;
	addEventListener(
		type: string,
		listener: EventListenerOrEventListenerObject,
		options?: boolean | AddEventListenerOptions,
	): void;
}

declare global {
	interface HTMLElementTagNameMap {
		"webhook-history": WebhookHistory;
	}
}
