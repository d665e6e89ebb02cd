/** Types of <webhook-history> in JSX, for React 19 and later. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { Filter, Text, WebhookHistory, WebhookHistoryEventMap } from "./webhook-history.js";

type Listeners = {
	[Type in keyof WebhookHistoryEventMap as `on${Type}`]?: (event: WebhookHistoryEventMap[Type]) => void;
};

interface WebhookHistoryAttributes extends DetailedHTMLProps<HTMLAttributes<WebhookHistory>, WebhookHistory>, Listeners {
	api: string;
	webhook?: string;
	token?: string;
	routing?: "off";
	renewToken?: () => string | Promise<string>;
	texts?: Record<string, Text>;
	filter?: Filter;
	execution?: string | null;
	view?: "history" | "webhooks";
}

declare module "react" {
	namespace JSX {
		interface IntrinsicElements {
			"webhook-history": WebhookHistoryAttributes;
		}
	}
}
