/** The HTTP API. */

import { readClock } from "./clock.js";
import { canBeSent, decodeClaims, trimToken } from "./token.js";

const [REQUEST_TIMEOUT_MS, RENEWAL_TIMEOUT_MS] = [30_000, 30_000];

export const [RESEND, MANAGE] = ["executions:resend", "webhooks:manage"];

/** Status 0: no response. No message: the API gave none. `token`: the rejected one, of a 401. */
export class ApiError extends Error {
	constructor(status, { message = "", errors = [], token = null } = {}) {
		super(message);
		Object.assign(this, { status, errors, token });
	}
}

/** Rejects if the promise takes too long. */
function limit(promise, ms) {
	let timer;
	const timeout = new Promise((_, fail) => (timer = setTimeout(fail, ms, new Error("timeout"))));
	return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** A path of the API, with its IDs escaped. */
export const escapePath = (texts, ...ids) => String.raw({ raw: texts }, ...ids.map(encodeURIComponent));

export class Api {
	base;
	webhook;
	/** Set by the host: returns a token, or a promise of one. */
	renewToken;
	/** Called after the token has changed. */
	renewed = () => {};
	/** Tells the host that a token is needed; whether it promises to set one. */
	askHost = (reason) => reason === null;
	/** Whether the host has promised a first token. */
	isPromised = false;

	#token = null;
	#renewal = null;
	#given = () => {};

	get token() {
		return this.#token;
	}

	set token(token) {
		this.#token = trimToken(token);
		if (!this.#token) return;
		this.isPromised = false;
		this.#given();
	}

	/** Whether there is a token, or one is expected. */
	get hasToken() {
		return Boolean(this.token || this.renewToken || this.isPromised);
	}

	get isReady() {
		return this.hasToken && Boolean(this.webhook);
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

	/** Gets the first token, if there is none. Raises ApiError. */
	async prepare() {
		if (!this.token) await this.#renew("missing");
	}

	/** Returns the response's JSON; raises ApiError. A token that the API rejects is renewed once. */
	async request(...given) {
		await this.prepare();
		const used = this.token;
		try {
			return await this.#send(...given);
		} catch (error) {
			if (error.status !== 401) throw error;
			if (this.token === used) await this.#renew("expired");
			return this.#send(...given);
		}
	}

	async #send(method, at, signal, body) {
		const { token } = this;
		if (!canBeSent(token)) throw new ApiError(401, { token });
		try {
			const response = await fetch(this.base + at, {
				method,
				headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
				body: body && JSON.stringify(body),
				signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
				cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
			});
			readClock(response.headers.get("Date"));
			const content = response.status === 204 ? null : await response.json();
			if (response.ok) return content;
			throw new ApiError(response.status, { ...content?.error, token });
		} catch (error) {
			throw error instanceof ApiError || signal.aborted ? error : new ApiError(0, error);
		}
	}

	/** Requests that need a new token at the same time wait for the same one. */
	async #renew(reason) {
		this.#renewal ??= this.#getToken(reason).finally(() => (this.#renewal = null));
		const token = await this.#renewal;
		if (!token) throw new ApiError(401, { token: this.token });
		if (token === this.token) return;
		this.token = token;
		this.renewed();
	}

	/** A token from the host; null if it gives none in time. */
	async #getToken(reason) {
		try {
			const token = this.renewToken && trimToken(await limit(this.renewToken(), RENEWAL_TIMEOUT_MS));
			if (token) return token;
		} catch {
			// the host could not renew it
		}
		if (!this.isPromised && !this.askHost(reason)) return null;
		const given = new Promise((done) => (this.#given = () => done(this.#token)));
		return limit(given, RENEWAL_TIMEOUT_MS).catch(() => null);
	}
}
