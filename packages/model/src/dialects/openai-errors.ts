/** Errors as OpenAI writes them, in both of its dialects. */
import type { JsonObject } from "../json.ts";
import type { Refusal } from "../reply.ts";

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

const codes: Readonly<Record<number, string>> = {
  401: "invalid_api_key",
  429: "rate_limit_exceeded",
  500: "server_error",
  503: "server_error",
};

export const openaiCode = ({ status, code }: Refusal): string | null => code ?? codes[status] ?? null;

export const openaiFailure = (refusal: Refusal): JsonObject => ({
  error: {
    message: refusal.message,
    type: types[refusal.status] ?? (refusal.status < 500 ? "invalid_request_error" : "server_error"),
    param: null,
    code: openaiCode(refusal),
  },
});
