/** The form above the list of executions. */

import { createRadioGroup, h, NO_AUTOCOMPLETE } from "./elements.js";

export function createFilterForm(locale, filter, change) {
	const field = (name, more) => h(`label.field.${name}`,
		locale.text(`filter.${name}`),
		h("input", { name, value: filter[name], ...NO_AUTOCOMPLETE, ...more }),
	);
	const statuses = ["", "success", "failure"].map((value) => [value, locale.text(`status.${value || "all"}`)]);
	return h("form.filter", { "aria-label": locale.text("filter.label"), change, search: change },
		createRadioGroup(locale.text("filter.status"), "status", filter.status, ...statuses),
		field("from", { type: "date" }),
		field("to", { type: "date" }),
		field("message", { type: "search" }),
	);
}
