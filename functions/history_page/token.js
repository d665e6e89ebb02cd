/** The token: from the page's fragment, kept until the tab closes. */

import { readFragment, writeAddress } from "./address.js";
import { getApiTime } from "./clock.js";

const TOKEN_KEY = "hooklog.token";

/** Takes the token and the webhook from the fragment, which no server sees. */
export function takeToken() {
	const [token, webhook] = ["token", "webhook"].map((name) => readFragment().get(name));
	if (token) history.replaceState(history.state, "", location.pathname + location.search);
	if (token && webhook) writeAddress({ webhook });
	return token;
}

/** For browsers that block session storage. */
let tokenInMemory = null;

/** Stores a token, if one is given, and returns the stored one. */
export function storeToken(token) {
	tokenInMemory = token ?? tokenInMemory;
	try {
		if (token) sessionStorage.setItem(TOKEN_KEY, token);
		return sessionStorage.getItem(TOKEN_KEY);
	} catch {
		return tokenInMemory;
	}
}

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
