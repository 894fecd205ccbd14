import { errorBody } from "./schemas.ts";

type Described = { description: string; content: { "application/json": { schema: typeof errorBody } } };

function described(description: string): Described {
  return { description, content: { "application/json": { schema: errorBody } } };
}

/** Errors that any route can answer with, for the OpenAPI description. */
export const errorResponses = {
  400: described("The request does not fit; `param` says what."),
  401: described("A token is needed, and was not there or is another one."),
  403: described("The request comes from another site."),
  404: described("There is no such thing."),
  409: described("The job was cancelled."),
  413: described("The body is too large."),
  415: described("The body is of another type."),
  429: described("Too many requests wait already."),
  500: described("Something went wrong here; the log has more under the request's id."),
  503: described("The model is still loading, or could not be loaded."),
};
