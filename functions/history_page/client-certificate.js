/** The client certificate of a webhook: what is stored, and text areas to replace it. */

import { createRemark, h, isolate, NO_AUTOCOMPLETE } from "./elements.js";

const NAME = "client_certificate";

/**
 * A group with a text area each for the certificate and the key, which the API never returns. Its property `readText`
 * returns the value to save.
 *
 * @param {any} locale
 * @param {{subject: string, fingerprint: string, not_after: string} | null | undefined} stored as the API shows it
 */
export function createCertificateField(locale, stored) {
	const [certificate, certificateLabel] = createArea(locale, "certificate");
	const [key, keyLabel] = createArea(locale, "key");
	const remove = h("input", { type: "checkbox", name: `${NAME}_removed` });
	const box = h("fieldset.box",
		h("legend", locale.text(`form.${NAME}`)),
		stored ? describeStored(locale, stored, remove) : [],
		certificateLabel, certificate, keyLabel, key,
		h("p.wrong", { id: `wrong-${NAME}` }),
		h("p.remark", { id: `hint-${NAME}` }, locale.text(`form.${NAME}.${stored ? "replace" : "hint"}`)),
	);
	const readText = () => {
		if (certificate.value.trim() || key.value.trim()) return { certificate: certificate.value, key: key.value };
		return stored && !remove.checked ? stored : null;
	};
	return Object.assign(box, { readText });
}

function createArea(locale, part) {
	const id = `box-${NAME}-${part}`;
	const area = h("textarea", {
		id, name: `${NAME}_${part}`, rows: 3, "aria-describedby": `wrong-${NAME} hint-${NAME}`,
		placeholder: `-----BEGIN ${part === "key" ? "PRIVATE KEY" : "CERTIFICATE"}-----`, ...NO_AUTOCOMPLETE,
	});
	return [area, h("label", { for: id }, locale.text(`form.${NAME}.${part}`))];
}

function describeStored(locale, { subject, fingerprint, not_after: end }, remove) {
	const time = locale.exactTime(end);
	const key = Date.parse(end) > Date.now() ? "until" : "expired";
	return [
		createRemark([isolate(subject || fingerprint), " · ", locale.text(`form.${NAME}.${key}`, { time })]),
		h("label.live", remove, locale.text(`form.${NAME}.remove`)),
	];
}
