/** A signal that Ctrl-C aborts; a second Ctrl-C ends the process at once. */
export function interruptSignal(message: string): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    console.error(`\nclip-gen: ${message}`);
    controller.abort(new Error("stopped by Ctrl-C"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const done = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  return { signal: controller.signal, done };
}
