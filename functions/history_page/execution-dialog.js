/** The dialog of an execution. */

import { escapePath, MANAGE, RESEND } from "./api.js";
import { Timeline } from "./attempts.js";
import { getApiTime } from "./clock.js";
import { Comparison } from "./comparison.js";
import { buildCurl } from "./curl.js";
import { DetailsDialog } from "./dialog.js";
import { announce, createButton, createCopyButton, createRemark, fill, h, reveal, setText } from "./elements.js";
import { createDetails, createFactList, createNavigation, listFacts, listIds } from "./execution-details.js";
import { describeError } from "./notices.js";
import { describeDelivery, describeOutcome } from "./outcome.js";
import { classify, describeResult } from "./result.js";

const [ATTEMPTS_POLL_MS, LATE_ATTEMPTS_POLL_MS] = [1_500, 30_000];

/** Whether the page's address names an execution; not if its host routes. */
const isAddressed = (id) => [...new URLSearchParams(location.search).values()].includes(id);

/** The page's address, never with a token. */
function buildLink() {
	const url = new URL(location.href);
	if (/\btoken=/.test(url.hash)) url.hash = "";
	return url.href;
}

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
	#attemptsSection = h("section.attempts", {
		tabindex: "-1", "aria-label": this.locale.text("attempts"), hidden: true,
	});
	#delivery = h("span");
	/** @type {Timeline} */
	#timeline;
	/** @type {Comparison} */
	#comparison;

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
		this.#showDelivery();
		const remaining = due > now && this.text("next.in", { span: this.locale.timeSpan(due - now) });
		if (timer) fill(timer, remaining || this.text("next.due"));
		const late = now - (this.#resentAt ?? due);
		if (this.#resentAt && late > 60_000 && !this.isAsking) {
			this.#resentAt = null;
			this.showMessage(this.text("resend.late"));
		}
		const interval = late < 60_000 ? ATTEMPTS_POLL_MS : LATE_ATTEMPTS_POLL_MS;
		if (late >= 0 && now - this.#lastLoadMs >= interval) this.#loadAttempts();
	}

	show(execution) {
		this.#execution = execution;
		this.#timeline = new Timeline(this.locale, this.id, this.open);
		this.#comparison = new Comparison(this.locale, execution, (id) => this.#load(id));
		const [facts, ids] = [listFacts(this.locale, execution), listIds(execution)].map((each) =>
			createFactList(this.locale, each));
		const details = createDetails(this.locale, execution);
		const sections = [...details.filter((part) => part.matches("section")), this.#attemptsSection];
		const navigation = createNavigation(this.locale, sections);
		this.#showDelivery();
		const outcome = h(`p.outcome.${classify(execution)}`, describeOutcome(this.locale, execution), " ", this.#delivery);
		this.render([this.panel, facts, navigation, ...details, this.#attemptsSection, ids], execution.event_type, [
			...this.#createActions(execution),
		], outcome);
		this.#loadAttempts();
	}

	#showDelivery() {
		const attempts = this.#attempts.length ? this.#attempts : [this.#execution];
		setText(this.#delivery, describeDelivery(this.locale, this.#execution, attempts));
	}

	async #load(id) {
		const { signal } = this.viewing;
		const found = await this.api.request("GET", this.at(id), signal);
		return signal.aborted ? undefined : found;
	}

	*#createActions(execution) {
		const sent = execution.request_body != null;
		if (sent && execution.trigger !== "test" && this.api.allows(RESEND)) {
			const { url } = execution;
			const question = this.text(url ? "resend.question" : "resend.question.webhook", { url });
			yield this.createConfirmedButton("resend", question, () => this.#resend(), "primary");
		}
		if (execution.url && sent) yield this.#createCopyButton("curl", () => buildCurl(this.locale, execution));
		if (isAddressed(this.id)) yield this.#createCopyButton("link", buildLink);
		if (sent && this.api.allows(MANAGE)) {
			yield this.createConfirmedButton("erase", this.text("erase.question"), () => this.#erase(), "danger");
		}
	}

	#createCopyButton(key, text) {
		return createCopyButton(this.locale, this.text(key), text, undefined, this.text(`${key}.copy`));
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
		this.#comparison.update(attempts);
		this.#timeline.update(attempts);
		if (!before) reveal(this.#attemptsSection, this.#timeline.elements, this.#comparison.element);
		this.tick();
		const newest = attempts.at(-1);
		const isResend = this.#resentAt && Date.parse(newest.executed_at) >= this.#resentAt;
		if (before || isResend) this.#announceAttempt(newest);
	}

	#announceAttempt(newest) {
		const { attempt } = newest;
		const text = this.text("attempt.result", { attempt, result: describeResult(this.locale, newest) });
		const isResend = this.#resentAt && newest.trigger === "resend";
		if (isResend) this.#resentAt = null;
		// a question stays where it is while the viewer answers it
		if (isResend && !this.isAsking) {
			this.showMessage(text, createButton(this.text("attempt.view"), () => this.open(newest.execution_id)));
		} else announce(this.panel, text);
		this.changed();
	}
}
