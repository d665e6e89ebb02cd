/** The outcome of an execution and of its message, in sentences. */

import { getApiTime, parseTime } from "./clock.js";

function nameOutcome(locale, { skipped, result, error, error_type: listed, response_incomplete: incomplete }) {
	if (skipped) return "outcome.skipped";
	if (result === 0) {
		const key = `outcome.${error?.type ?? listed}`;
		return Object.hasOwn(locale.texts, key) ? key : "outcome.no_response";
	}
	if (incomplete) return "outcome.incomplete";
	if (result === 410) return "outcome.gone";
	return result >= 300 && result <= 399 ? "outcome.redirect" : "outcome.status";
}

/** What the receiver answered, or why there is no answer. */
export function describeOutcome(locale, execution) {
	const { result, duration_ms: ms } = execution;
	const duration = locale.duration(ms);
	const span = ms < 1000 ? duration : locale.timeSpan(ms);
	return locale.text(nameOutcome(locale, execution), { status: String(result), duration, span });
}

/** Whether the message was delivered, by this or another attempt, and what comes next. */
export function describeDelivery(locale, execution, attempts = [execution]) {
	if (execution.skipped) return "";
	if (execution.trigger === "test") return locale.text("delivery.test");
	const [first, last] = [attempts[0], attempts.at(-1)];
	const delivered = attempts.find(({ success }) => success);
	if (delivered?.attempt === 1) return locale.text("delivery.first");
	if (delivered) {
		const { attempt } = delivered;
		if (delivered === first) return locale.text("delivery.delivered", { attempt });
		return locale.text("delivery.later", { attempt, span: locale.timeSpan(parseTime(delivered) - parseTime(first)) });
	}
	if (!last.next_attempt_at) return locale.text("delivery.exhausted");
	const remaining = Date.parse(last.next_attempt_at) - getApiTime();
	return remaining > 0
		? locale.text("delivery.next", { span: locale.timeSpan(remaining) })
		: locale.text("delivery.due");
}
