/** The fields that replace a webhook's secret: one's own secret, and how long the old one also signs. */

import { createField } from "./webhook-fields.js";

const [MIN_BYTES, MAX_BYTES] = [24, 64];
/** Hours. */
const [OVERLAP, MAX_OVERLAP] = [24, 168];

export const createRotationFields = (locale) => [
	createField(locale, "secret", "", { placeholder: "form.secret.none" }, "form.secret.hint"),
	createField(locale, "overlap_hours", OVERLAP, { inputmode: "numeric" }, "form.overlap_hours.hint"),
];

function countBytes(secret) {
	const [, coded = ""] = secret.match(/^whsec_([A-Za-z0-9+/]+={0,2})$/) ?? [];
	try {
		return atob(coded).length;
	} catch {
		return 0;
	}
}

const isSecret = (text) => countBytes(text) >= MIN_BYTES && countBytes(text) <= MAX_BYTES;
const isOverlap = (text) => /^\d{1,3}$/.test(text) && Number(text) <= MAX_OVERLAP;

/** Returns the fields of the request, and what is wrong by field. */
export function readRotation(locale, form) {
	const [secret, overlap] = ["secret", "overlap_hours"].map((name) => form.elements[name].value.trim());
	/** @type {Map<string, string>} */
	const wrong = new Map();
	if (secret && !isSecret(secret)) {
		wrong.set("secret", locale.text("form.secret.wrong", { least: MIN_BYTES, most: MAX_BYTES }));
	}
	if (!isOverlap(overlap)) wrong.set("overlap_hours", locale.text("form.overlap_hours.wrong", { most: MAX_OVERLAP }));
	return { fields: { overlap_hours: Number(overlap), ...(secret && { secret }) }, wrong };
}
