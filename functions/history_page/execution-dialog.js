/** The dialog of an execution. */

import { escapePath, MANAGE, RESEND } from "./api.js";
import { createTimeline } from "./attempts.js";
import { getApiTime } from "./clock.js";
import { buildCurl } from "./curl.js";
import { DetailsDialog } from "./dialog.js";
import { announce, createButton, createCopyButton, createRemark, fill, h, reveal } from "./elements.js";
import { createDetails, createFactList } from "./execution-details.js";
import { describeError } from "./notices.js";
import { describeResult } from "./result.js";

const [ATTEMPTS_POLL_MS, LATE_ATTEMPTS_POLL_MS] = [1_500, 30_000];

export class ExecutionDialog extends DetailsDialog {
	name = "execution";
	/** Called with the execution and the message that were resent. */
	resent = (resent) => void resent;

	#execution;
	#attempts = [];
	#resentAt;
	#lastLoadMs = 0;
	/** @type {AbortController | null} */
	#loadingFor = null;
	#attemptsSection = h("section.attempts", { hidden: true });

	at(id) {
		return this.api.executions + escapePath`/${id}`;
	}

	stop() {
		super.stop();
		this.#execution = this.#resentAt = null;
		this.#attempts = [];
		this.#attemptsSection.hidden = true;
	}

	tick() {
		if (!this.#execution || document.hidden) return;
		const now = getApiTime();
		const due = Date.parse(this.#attempts.at(-1)?.next_attempt_at);
		const timer = this.#attemptsSection.querySelector("[role=timer]");
		const remaining = due > now && this.text("next.in", { span: this.locale.timeSpan(due - now) });
		if (timer) fill(timer, remaining || this.text("next.due"));
		const late = now - (this.#resentAt ?? due);
		if (this.#resentAt && late > 60_000) {
			this.#resentAt = null;
			this.showMessage(this.text("resend.late"));
		}
		const interval = late < 60_000 ? ATTEMPTS_POLL_MS : LATE_ATTEMPTS_POLL_MS;
		if (late >= 0 && now - this.#lastLoadMs >= interval) this.#loadAttempts();
	}

	show(execution) {
		this.#execution = execution;
		const [facts, details] = [createFactList, createDetails].map((create) => create(this.locale, execution));
		const actions = [...this.#createActions(execution)];
		this.render([this.panel, facts, this.#attemptsSection, ...details], execution.event_type, actions);
		this.#loadAttempts();
	}

	*#createActions(execution) {
		const sent = execution.request_body != null;
		if (sent && execution.trigger !== "test" && this.api.allows(RESEND)) {
			const { url } = execution;
			const question = this.text(url ? "resend.question" : "resend.question.webhook", { url });
			yield this.createConfirmedButton("resend", question, () => this.#resend(), "primary");
		}
		if (execution.url && sent) {
			const [what, label] = ["curl", "curl.copy"].map((key) => this.text(key));
			yield createCopyButton(this.locale, what, buildCurl(execution), undefined, label);
		}
		if (sent && this.api.allows(MANAGE)) {
			yield this.createConfirmedButton("erase", this.text("erase.question"), () => this.#erase(), "danger");
		}
	}

	async #resend() {
		const at = getApiTime();
		const resent = await this.request("POST", "/resend");
		if (resent === undefined) return;
		this.resent({ executionId: this.id, messageId: resent.message_id });
		this.#resentAt = at;
		this.showMessage(this.text("resend.done"));
	}

	async #erase() {
		if ((await this.request("DELETE", "/details")) === undefined) return;
		await this.open(this.id);
		announce(this.element, this.text("erase.done"));
	}

	async #loadAttempts() {
		if (this.#loadingFor === this.viewing) return;
		const viewing = (this.#loadingFor = this.viewing);
		this.#lastLoadMs = getApiTime();
		try {
			const attempts = await this.api.listAttempts(this.#execution.message_id, viewing.signal);
			if (!viewing.signal.aborted) this.#showAttempts(attempts);
		} catch (error) {
			if (viewing.signal.aborted || this.#attempts.length) return;
			const said = createRemark(this.text("attempts.failed", { error: describeError(this.locale, error)[0] }));
			reveal(this.#attemptsSection, said, createButton(this.text("retry"), () => this.#loadAttempts()));
		} finally {
			if (this.#loadingFor === viewing) this.#loadingFor = null;
		}
	}

	#showAttempts(attempts) {
		const before = this.#attempts.length;
		if (attempts.length <= before) return;
		this.#attempts = attempts;
		reveal(this.#attemptsSection, createTimeline(this.locale, attempts, this.id, this.open));
		this.tick();
		if (before) this.#announceAttempt(attempts.at(-1));
	}

	#announceAttempt(newest) {
		const { attempt } = newest;
		const text = this.text("attempt.result", { attempt, result: describeResult(this.locale, newest) });
		if (this.#resentAt && newest.trigger === "resend") {
			this.#resentAt = null;
			this.showMessage(text, createButton(this.text("attempt.view"), () => this.open(newest.execution_id)));
		} else announce(this.panel, text);
		this.changed();
	}
}
