/** Payloads of a webhook's executions, as samples. */

import { escapePath } from "./api.js";

/** Failures first: by default, only they have stored bodies. */
const SEARCHES = ["status=failure&limit=5", "limit=5"];

const isWholeJson = ({ request_body: body, request_body_encoding: encoding, request_body_truncated: truncated }) => {
	try {
		return Boolean(body) && !encoding && !truncated && JSON.parse(body) !== undefined;
	} catch {
		return false;
	}
};

/**
 * The execution with the newest stored request body among a few recent ones, or null. Raises ApiError.
 *
 * @param {import("./api.js").Api} api
 * @param {string} webhookId
 * @param {AbortSignal} signal
 */
export async function findRecentPayload(api, webhookId, signal) {
	const at = escapePath`/webhooks/${webhookId}/executions`;
	const seen = new Set();
	for (const search of SEARCHES) {
		const { executions } = await api.request("GET", `${at}?${search}`, signal);
		for (const { execution_id: id } of executions.filter(({ execution_id: id }) => !seen.has(id))) {
			seen.add(id);
			const execution = await api.request("GET", at + escapePath`/${id}`, signal);
			if (isWholeJson(execution)) return execution;
		}
	}
	return null;
}
