import { expect, test } from "vitest";
import { zeros } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import { dropTokens } from "./token-dropout.ts";

test("token dropout replaces a share of the tokens, by any of the codes", () => {
  tidy(() => {
    manualSeed(3, "cpu");
    const tokens = zeros([100, 50], { dtype: "int64" });
    const dropped = dropTokens(tokens, 0.3, 24).flatten().toNumbers();
    const changed = dropped.filter((token) => token !== 0).length / dropped.length;
    expect(changed).toBeGreaterThan(0.3 * (23 / 24) - 0.03);
    expect(changed).toBeLessThan(0.3 * (23 / 24) + 0.03);
    expect(new Set(dropped).size).toBe(24);
    expect(dropTokens(tokens, 0, 24)).toBe(tokens);
  });
});
