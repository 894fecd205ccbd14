import { launchedBy } from "../distributed/environment.ts";
import { group, isFirst, joinGroup, leaveGroup } from "../distributed/group.ts";
import { parseDevice } from "../tensor/engine.ts";
import { UserError } from "./errors.ts";

/**
 * Runs training in this process, or in this and others where the environment says so (torchrun, `clip-gen launch`, Kubeflow).
 * Each gets the settings with its own device, `cuda` meaning that of its number on its machine. Only the first one speaks.
 */
export async function withProcesses<Settings extends { device: string; batchSize: number }>(
  settings: Settings,
  run: (own: Settings) => Promise<void>,
): Promise<void> {
  const launched = launchedBy(process.env);
  if (!launched) {
    await run(settings);
    return;
  }
  if (settings.batchSize % launched.size !== 0) {
    throw new UserError(
      `a batch of ${settings.batchSize} cannot be shared among ${launched.size} processes; give a --batch-size that is a multiple`,
    );
  }
  const device = parseDevice(settings.device === "cuda" ? `cuda:${launched.localRank}` : settings.device);
  await joinGroup(launched, device);
  if (!isFirst()) process.stdout.write = () => true;
  console.log(`${group().size} processes, ${settings.batchSize / group().size} pictures each`);
  await run({ ...settings, device });
  await leaveGroup();
}

/** For what one process does alone. */
export function requireOneProcess(what: string): void {
  const launched = launchedBy(process.env);
  if (!launched) return;
  throw new UserError(
    `${what} works in one process, and WORLD_SIZE is ${launched.size}; train vqgan and train gpt work in several`,
  );
}
