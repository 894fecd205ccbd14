import { describe, expect, test } from "vitest";
import { fixText } from "./fix-text.ts";
import { unescapeHtml } from "./unescape-html.ts";

describe("fixText", () => {
  test.each([
    ["UTF-8 read as windows-1252", "cafÃ© itâ€™s ðŸ˜€ Â£20", "café it's 😀 £20"],
    ["UTF-8 read as Latin-1", "caf\xc3\xa9 \xe2\x80\x99", "café '"],
    ["the same mistake twice", "Ã\x83Â©", "é"],
    ["Cyrillic", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет"],
    ["a combining mark", "uÌˆber", "über"],
    ["a no-break space that became a space", "voilÃ le travail", "voilà le travail"],
    ["windows-1252 controls", "10\x80 \x85", "10€ …"],
    ["ligatures and wide forms", "ﬁne ＦＵＬＬ ﾊﾝｶｸ", "fine FULL ハンカク"],
    ["quotes and line breaks", "“it’s”\r\n\u2028", '"it\'s"\n\n'],
    ["terminal colours and control characters", "\x1b[36;44mred\x1b[0m\x07\ufeff", "red"],
    ["a lone surrogate", "a\ud800b", "a\ufffdb"],
    ["decomposed accents", "e\u0301", "é"],
    ["HTML references inside each other", "&amp;amp;rsquo;", "'"],
  ])("repairs %s", (_name, damaged, expected) => {
    expect(fixText(damaged)).toBe(expected);
  });

  test.each(["Ã…land", "Œuvre, Ærø, Ñandú, ÀÉÎ", "<b>&lt;</b>", "日本 🐱\u200d👤", "plain text, 3 < 4"])(
    "leaves %j as it is",
    (text) => {
      expect(fixText(text)).toBe(text);
    },
  );

  test.each([
    ["nested references", `&${"amp;".repeat(100_000)}`],
    ["misread letters", "Ã".repeat(500_000)],
    ["unfinished terminal escapes", "\x1b[;".repeat(200_000)],
  ])(
    "megabytes of %s are done in seconds",
    (_name, text) => {
      expect(fixText(text).length).toBeLessThanOrEqual(text.length);
    },
    10_000,
  );
});

describe("unescapeHtml", () => {
  // The right-hand sides are what Python 3.11's html.unescape gives.
  test.each([
    ["&lt;b&gt; &amp;lt; &quot;&#39;&#x2F;", "<b> &lt; \"'/"],
    ["&copy2024 &notit; &notin; &NotEqualTilde;", "©2024 ¬it; ∉ ≂̸"],
    ["&unknown; & &; &x", "&unknown; & &; &x"],
    ["&#128;&#x99;&#129;", "€™\x81"],
    ["&#0;&#xD800;&#x110000;&#99999999999999;", "\ufffd\ufffd\ufffd\ufffd"],
    ["a&#1;b&#xFFFE;c&#13;", "abc\r"],
  ])("%j becomes %j", (text, expected) => {
    expect(unescapeHtml(text)).toBe(expected);
  });
});
