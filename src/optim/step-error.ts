/** A step that must not be taken, as its numbers went wrong; nothing of it was applied. */
export class StepError extends Error {
  override readonly name = "StepError";
}
