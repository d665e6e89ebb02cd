/** The English texts of what is loaded on demand. */

import { EXECUTION_TEXTS } from "./texts-execution.js";
import { WEBHOOK_TEXTS } from "./texts-webhooks.js";

export const TEXTS_ON_DEMAND = { ...EXECUTION_TEXTS, ...WEBHOOK_TEXTS };
