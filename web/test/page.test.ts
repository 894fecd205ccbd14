import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ClipGen } from "../../src/generate/pipeline.ts";
import { buildPackage } from "../../test/built-package.ts";
import { startServing, type Serving } from "../../test/serving.ts";
import { temporaryFolder, tinyClip, tinyGpt, tinyVqgan } from "../../test/tiny.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

/** A run's metrics: a loss that falls from 9. */
function lossLines(slope: number): string {
  return Array.from(
    { length: 40 },
    (_, step) => `${JSON.stringify({ step, loss: 9 - step * slope, time: step })}\n`,
  ).join("");
}

describe.skipIf(executablePath === undefined)("the page, in Chromium", () => {
  const folder = temporaryFolder();
  const model = join(folder, "slow");
  let built = "";
  let browser: Browser;
  let page: Page;
  let serving: Serving;
  let number = 0;
  let gallery = "";
  const problems: string[] = [];

  const serve = async (...flags: string[]): Promise<Serving> =>
    await startServing(built, ["-m", model, "--gallery", gallery, "--quiet", "--precision", "float32", ...flags]);
  const prompt = () => page.getByRole("textbox", { name: "A sentence" });
  const tiles = () => page.locator(".gallery .tile");
  const draw = async (sentence: string): Promise<void> => {
    await prompt().fill(sentence);
    await expect.poll(async () => await page.getByRole("button", { name: "Draw", exact: true }).isEnabled()).toBe(true);
    await prompt().press("Control+Enter");
  };

  beforeAll(async () => {
    built = buildPackage("page", { page: true });
    // Large enough that a batch takes a second: its rows can be watched.
    const gpt = tinyGpt({ width: 512, layers: 4, heads: 8 });
    await new ClipGen({ clip: tinyClip(), vqgan: tinyVqgan(), gpt, name: "slow" }).savePretrained(model);
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
  });
  afterAll(async () => await browser?.close());

  beforeEach(async () => {
    gallery = join(folder, `gallery-${(number += 1)}`);
    problems.length = 0;
    serving = await serve();
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource|ERR_/.test(message.text()))
        problems.push(message.text());
    });
    await page.goto(serving.url);
  });
  afterEach(async () => {
    expect(problems).toEqual([]);
    await page.close();
    await serving.stop("SIGKILL");
  });

  test("a first visit: a sentence, rows that appear, pictures with their scores, and how to make one again", async () => {
    await page.getByText("Nothing has been drawn yet").waitFor();
    // So many that it takes a while.
    await page.getByLabel("of candidates").fill("64");
    // How many candidates have been seen while they were drawn, however short that was.
    await page.evaluate(() => {
      const observer = new MutationObserver(() => {
        const { length } = document.querySelectorAll(".job .tile img");
        document.body.dataset["seen"] = String(Math.max(length, Number(document.body.dataset["seen"] ?? 0)));
      });
      observer.observe(document.body, { childList: true, subtree: true });
    });
    await draw("a blue star");
    await tiles().nth(3).waitFor();
    expect(await page.locator("body").getAttribute("data-seen")).toBe("4");
    // So few that they are computed as one is: these weights are random, and the last bit of a number can decide a token.
    await page.getByLabel("of candidates").fill("4");
    await draw("a red circle");
    await tiles().nth(7).waitFor();
    expect(await page.locator(".gallery .score").first().textContent()).toMatch(/^-?\d\.\d\d$/);
    await page.getByRole("status").filter({ hasText: "drawn, the best score is" }).waitFor({ state: "attached" });
    expect(await page.locator(".job").count()).toBe(0);
    expect(readdirSync(gallery)).toHaveLength(8);

    await tiles().first().click();
    const command = (await page.locator(".command code").textContent()) ?? "";
    expect(command).toMatch(/^clip-gen generate 'a red circle' -m slow --seed \d+ --batch-row \d\/4 --precision \w+$/);
    await page.getByRole("button", { name: "Use again" }).click();
    const seed = /--seed (\d+)/.exec(command)?.[1];
    await expect.poll(async () => await page.getByLabel("Seed", { exact: true }).inputValue()).toBe(seed);
    await prompt().press("Control+Enter");
    await tiles().nth(8).waitFor();
    // The same picture, byte for byte but for the time in its name.
    const [newest, ...others] = readdirSync(gallery).toSorted().toReversed();
    const bytes = readFileSync(join(gallery, newest ?? ""));
    expect(others.some((name) => readFileSync(join(gallery, name)).equals(bytes))).toBe(true);
  });

  test("a job can be cancelled; a reload keeps what is drawn, and what is being drawn", async () => {
    await page.getByLabel("of candidates").fill("64");
    await draw("first");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator(".job .state", { hasText: "cancelled" }).waitFor();
    expect(await tiles().count()).toBe(0);
    await draw("second");
    await page.locator(".job", { hasText: "second" }).locator("progress").waitFor();
    await page.reload();
    expect(await prompt().inputValue()).toBe("second");
    await page.locator(".job", { hasText: "second" }).waitFor();
    await tiles().nth(3).waitFor();
    await page.reload();
    await tiles().nth(3).waitFor();
  });

  test("a picture of ours gives its settings back, and any picture can be drawn like", async () => {
    await draw("a ring");
    await tiles().nth(3).waitFor();
    await prompt().fill("");
    const file = join(gallery, readdirSync(gallery)[0] ?? "");
    const drop = async (name: string, base64: string, type: string): Promise<void> =>
      await page.locator(".page").evaluate(
        (target, given) => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(given.base64), (character) => character.codePointAt(0) ?? 0);
          data.items.add(new File([bytes], given.name, { type: given.type }));
          target.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        },
        { name, base64, type },
      );
    await drop("own.png", readFileSync(file).toString("base64"), "image/png");
    await page.getByRole("button", { name: "Use its settings" }).click();
    expect(await prompt().inputValue()).toBe("a ring");
    await drop("own.png", readFileSync(file).toString("base64"), "image/png");
    await page.getByRole("button", { name: "Draw like it" }).click();
    await tiles().nth(4).waitFor();
    await drop("words.txt", Buffer.from("no picture").toString("base64"), "text/plain");
    await page.getByRole("alert").filter({ hasText: "words.txt: the picture cannot be read" }).waitFor();
  });

  test("everything can be reached with the keyboard alone", async () => {
    const reached = new Set<string>();
    await prompt().focus();
    await page.keyboard.type("a star");
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press("Tab");
      reached.add(
        await page.evaluate(
          () => document.activeElement?.textContent || document.activeElement?.getAttribute("aria-label") || "",
        ),
      );
    }
    for (const name of ["Draw", "From a picture…", "How it is drawn"]) expect([...reached]).toContain(name);
    await prompt().focus();
    await page.keyboard.press("Control+Enter");
    await tiles().nth(3).waitFor();
    await tiles().nth(0).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    const seedShown = async (): Promise<string> => (await dialog.locator(".command").textContent()) ?? "";
    const before = await seedShown();
    await page.keyboard.press("ArrowRight");
    expect(await seedShown()).not.toBe(before);
    await page.keyboard.press("Escape");
    expect(await dialog.count()).toBe(0);
  });

  test("fits a telephone, in light and in dark", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await draw("a star");
    await tiles().nth(3).waitFor();
    for (const theme of ["light", "dark"]) {
      await page.getByLabel("Colours").selectOption(theme);
      const isLight = async (): Promise<boolean> => {
        const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        return Number(/\d+/.exec(ground)?.[0]) > 128;
      };
      await expect.poll(isLight).toBe(theme === "light");
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
    }
  });

  test("tells when the server has gone, and goes on when it is back", async () => {
    await draw("a star");
    await tiles().nth(3).waitFor();
    const { port } = new URL(serving.url);
    await prompt().fill("kept words");
    await serving.stop("SIGKILL");
    await page.getByText("The server does not answer").waitFor();
    expect(await page.getByRole("button", { name: "Draw", exact: true }).isDisabled()).toBe(true);
    serving = await serve("--port", port);
    await page.getByText("The server does not answer").waitFor({ state: "hidden" });
    expect(await prompt().inputValue()).toBe("kept words");
    expect(await tiles().count()).toBe(4);
    await prompt().press("Control+Enter");
    await tiles().nth(7).waitFor();
  });

  test("says what is wrong with what was asked, and finds nothing in plain words", async () => {
    await prompt().fill("x".repeat(2001));
    await page.getByText("2000 are the most that fit").waitFor();
    await page.getByLabel("Pictures").fill("40");
    await page.getByText("a whole number from 1 to 16").waitFor();
    await prompt().focus();
    await expect.poll(async () => await page.getByLabel("Pictures").inputValue()).toBe("4");
    await draw("a star");
    await tiles().nth(3).waitFor();
    await page.getByLabel("Words to look for").fill("elephant");
    await page.getByText("No sentence has the words “elephant”").waitFor();
    await page.getByLabel("Words to look for").fill("STAR");
    await tiles().nth(3).waitFor();
  });

  test("shows runs over one another, samples through time and the log, and the same after a reload", async () => {
    const background = "red";
    const grid = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
      .png()
      .toBuffer();
    for (const [name, slope] of Object.entries({ first: 0.1, second: 0.2 })) {
      const run = join(folder, "runs", name);
      mkdirSync(join(run, "samples"), { recursive: true });
      writeFileSync(join(run, "config.json"), JSON.stringify({ stage: "gpt", steps: 100, batch_size: 8 }));
      writeFileSync(join(run, "metrics.jsonl"), lossLines(slope));
      writeFileSync(join(run, "log.txt"), `${name} has begun\n`);
      for (const step of [10, 20, 30]) writeFileSync(join(run, "samples", `drawn-step-00000${step}.png`), grid);
    }
    await serving.stop("SIGKILL");
    serving = await serve("--runs", join(folder, "runs"));
    await page.goto(`${serving.url}/#runs`);
    for (const name of ["first", "second"]) await page.getByRole("checkbox", { name }).check();
    const chart = () => page.getByRole("img", { name: /^loss\. / });
    const bothShown = async (): Promise<void> => {
      await chart().waitFor();
      await expect.poll(async () => await chart().getAttribute("aria-label")).toMatch(/5\.1.*1\.2|1\.2.*5\.1/);
    };
    await bothShown();
    await page.getByRole("checkbox", { name: "Logarithmic" }).check();

    const second = page.getByRole("region", { name: "second" });
    await second.getByText("Samples at step 30").waitFor();
    await second.getByRole("slider").fill("0");
    await second.getByRole("img", { name: "drawn at step 10" }).waitFor();
    await second.getByText("What happened").click();
    await second.getByText("second has begun").waitFor();

    await page.reload();
    await bothShown();
    for (const name of ["first", "second", "Logarithmic"])
      expect(await page.getByRole("checkbox", { name }).isChecked()).toBe(true);
    await page.getByRole("checkbox", { name: "first" }).uncheck();
    await expect.poll(async () => await chart().getAttribute("aria-label")).not.toContain("5.1");
  });

  test("beyond this machine it asks for the token", async () => {
    await serving.stop("SIGKILL");
    const env = process.env["CLIP_GEN_TOKEN"];
    process.env["CLIP_GEN_TOKEN"] = "a long enough token".replaceAll(" ", "-");
    serving = await serve("--host", "127.0.0.1").finally(() => {
      if (env === undefined) delete process.env["CLIP_GEN_TOKEN"];
      else process.env["CLIP_GEN_TOKEN"] = env;
    });
    await page.goto(serving.url);
    await page.getByLabel("The server's token").fill("wrong");
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByText("this is not the token").waitFor();
    await page.getByLabel("The server's token").fill("a-long-enough-token");
    await page.getByRole("button", { name: "Enter" }).click();
    await draw("a star");
    await tiles().nth(3).waitFor();
    expect(
      await tiles()
        .first()
        .locator("img")
        .evaluate((image: HTMLImageElement) => image.naturalWidth),
    ).toBe(16);
  });
});
