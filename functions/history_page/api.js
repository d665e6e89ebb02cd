/** The HTTP API. */

import { readClock } from "./clock.js";
import { decodeClaims } from "./token.js";

const REQUEST_TIMEOUT_MS = 30_000;

export const [RESEND, MANAGE] = ["executions:resend", "webhooks:manage"];

/** Status 0: no response. No message: the API gave none. */
export class ApiError extends Error {
	constructor(status, { message = "", errors = [] } = {}) {
		super(message);
		Object.assign(this, { status, errors });
	}
}

/** A path of the API, with its IDs escaped. */
export const escapePath = (texts, ...ids) => String.raw({ raw: texts }, ...ids.map(encodeURIComponent));

export class Api {
	base;
	webhook;
	token;
	renewToken;
	renewed;

	get isReady() {
		return (this.token || this.renewToken) && this.webhook;
	}

	/** Decides only what the page offers: the API checks the token. */
	allows(scope) {
		return String(decodeClaims(this.token).scope).split(" ").includes(scope);
	}

	get executions() {
		return escapePath`/webhooks/${this.webhook}/executions`;
	}

	async listAttempts(id, signal) {
		const { executions } = await this.request("GET", escapePath`/messages/${id}/executions`, signal);
		return executions.filter(({ webhook_id: id }) => id === this.webhook);
	}

	/** Returns the response's JSON; raises ApiError. A token that has expired is renewed once. */
	async request(...given) {
		if (!this.token) await this.#renewToken();
		try {
			return await this.#send(...given);
		} catch (error) {
			if (error.status !== 401 || !this.renewToken) throw error;
			await this.#renewToken();
			return this.#send(...given);
		}
	}

	async #send(method, at, signal, body) {
		try {
			const response = await fetch(this.base + at, {
				method,
				headers: { Authorization: `Bearer ${this.token}`, ...(body && { "Content-Type": "application/json" }) },
				body: body && JSON.stringify(body),
				signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
				cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
			});
			readClock(response.headers.get("Date"));
			const content = response.status === 204 ? null : await response.json();
			if (response.ok) return content;
			throw new ApiError(response.status, content?.error ?? {});
		} catch (error) {
			throw error instanceof ApiError || signal.aborted ? error : new ApiError(0, error);
		}
	}

	async #renewToken() {
		try {
			this.token = await this.renewToken();
			this.renewed();
		} catch {
			throw new ApiError(401);
		}
	}
}
