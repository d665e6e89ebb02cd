/** The token: from the page's fragment, kept until the tab closes. */

import { getApiTime } from "./clock.js";

const TOKEN_KEY = "hooklog.token";

/** A token as the host or a link gives it, without the white space around it; null if there is none. */
export const trimToken = (token) => (typeof token === "string" && token.trim()) || null;

/** For browsers that block session storage. */
let tokenInMemory = null;

/** Stores a token, if one is given, and returns the stored one. */
export function storeToken(token) {
	tokenInMemory = token ?? tokenInMemory;
	try {
		if (token) sessionStorage.setItem(TOKEN_KEY, token);
		return tokenInMemory ?? sessionStorage.getItem(TOKEN_KEY);
	} catch {
		return tokenInMemory;
	}
}

/** Whether a header can have it. */
export const canBeSent = (token) => /^[!-~]+$/.test(token ?? "");

/** The claims of a token, unverified: only the API verifies them. */
export function decodeClaims(token) {
	try {
		return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))) ?? {};
	} catch {
		return {};
	}
}

/** Compares all claims that do not change when a token is renewed. */
export function haveSameAccess(...tokens) {
	const [one, other] = tokens.map(decodeClaims).map(({ exp, iat, nbf, jti, ...access }) => JSON.stringify(access));
	return one === other;
}

export const isUnexpired = (token) => decodeClaims(token).exp * 1000 > getApiTime();

const toTime = (seconds) => (Number.isFinite(seconds) && Math.abs(seconds) < 8.64e12 ? seconds * 1000 : null);

/**
 * What is wrong with a token, as far as its claims tell.
 *
 * @returns {{problem: "" | "malformed" | "expired" | "early", time?: number}}
 */
export function inspectToken(token) {
	if (!token) return { problem: "" };
	const { exp, nbf } = decodeClaims(token);
	const [end, start] = [exp, nbf].map(toTime);
	const isJwt = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && Object.keys(decodeClaims(token)).length > 0;
	if (!isJwt) return { problem: "malformed" };
	if (end !== null && end <= getApiTime()) return { problem: "expired", time: end };
	return start !== null && start > getApiTime() ? { problem: "early", time: start } : { problem: "" };
}
