import { describe, expect, test } from "vitest";
import { call, dict, named, object, operations, pickle } from "../../test/torch-files.ts";
import { readPickle } from "./pickle.ts";
import { TruncatedPickleError } from "./pickle-bytes.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const read = (text: string): unknown => readPickle(bytesOf(text)).value;

describe("the pickle reader", () => {
  // What Python's pickle.dumps wrote for (None, True, 5, -3, 70000, 2**70, 0.5, "é", b"\0\xff", [1], {"a": (1, 2)}, {3}).
  const samples: [number, string][] = [
    [
      0,
      "284e4930310a49350a492d330a4937303030300a4c313138303539313632303731373431313330333432344c0a46302e350a56e90a70300a635f636f646563730a656e636f64650a70310a28565c7530303030ff0a70320a566c6174696e310a70330a7470340a5270350a286c70360a49310a61286470370a56610a70380a2849310a49320a7470390a73635f5f6275696c74696e5f5f0a7365740a7031300a28286c7031310a49330a61747031320a527031330a747031340a2e",
    ],
    [
      2,
      "8002284e884b054afdffffff4a701101008a09000000000000000040473fe00000000000005802000000c3a97100635f636f646563730a656e636f64650a7101580300000000c3bf710258060000006c6174696e3171038671045271055d71064b01617d710758010000006171084b014b0286710973635f5f6275696c74696e5f5f0a7365740a710a5d710b4b036185710c52710d74710e2e",
    ],
    [
      5,
      "8005954800000000000000284e884b054afdffffff4a701101008a09000000000000000040473fe00000000000008c02c3a994430200ff945d944b01617d948c0161944b014b028694738f94284b039074942e",
    ],
  ];

  test.each(samples)("what Python wrote in protocol %i has the same values here", (_, hex) => {
    expect(readPickle(Buffer.from(hex, "hex")).value).toEqual([
      null,
      true,
      5,
      -3,
      70000,
      2n ** 70n,
      0.5,
      "é",
      Uint8Array.of(0, 255),
      [1],
      new Map([["a", [1, 2]]]),
      new Set([3]),
    ]);
  });

  test("numbers of every width are read", () => {
    expect(read("K\u00ff.")).toBe(255);
    expect(read("M\u0000\u0001.")).toBe(256);
    expect(read("J\u00fe\u00ff\u00ff\u00ff.")).toBe(-2);
    expect(read("\u008a\u0000.")).toBe(0);
    expect(read("\u008a\u0001\u00ff.")).toBe(-1);
    expect(read("\u008a\u0009\0\0\0\0\0\0\0\0\u0001.")).toBe(2n ** 64n);
    expect(read("G\u00bf\u00e0\0\0\0\0\0\0.")).toBe(-0.5);
  });

  test("text, bytes, and the marks of protocols 4 and 5 are read", () => {
    expect(read("\u0080\u0004\u0095\u0005\0\0\0\0\0\0\0\u008c\u0002\u00c3\u00a9\u0094.")).toBe("é");
    expect(read("C\u0002\0\u00ff.")).toEqual(Uint8Array.of(0, 255));
    expect(read("\u0096\u0001\0\0\0\0\0\0\0\u0007.")).toEqual(Uint8Array.of(7));
    expect(read("\u008f(K\u0001K\u0002\u0090.")).toEqual(new Set([1, 2]));
    expect(read("\u008c\u0002os\u008c\u0006system\u0093.")).toEqual({ kind: "global", name: "os.system" });
  });

  test("shared and circular values keep their identity", () => {
    const value = readPickle(bytesOf("]q\0(h\0h\0e.")).value;
    expect(Array.isArray(value) && value[0] === value && value[1] === value).toBe(true);
  });

  test("Python's own containers are built, with dict keys of any kind", () => {
    const pairs = readPickle(
      pickle(
        call("collections OrderedDict", [
          ["b", 1],
          ["a", 2],
        ]),
      ),
    ).value;
    expect(pairs).toEqual(
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
    );
    expect(readPickle(pickle(new Map([[named("callbacks ModelCheckpoint"), 1]]))).value).toEqual(
      new Map([[{ kind: "global", name: "callbacks.ModelCheckpoint" }, 1]]),
    );
    expect(readPickle(pickle(call("__builtin__ frozenset", [1, 1]))).value).toEqual(new Set([1]));
    expect(readPickle(pickle(call("_codecs encode", "\u00ff", "latin1"))).value).toEqual(Uint8Array.of(255));
  });

  test("a call to anything else becomes a record and is not made", () => {
    const attack = call("os system", "touch /tmp/owned");
    expect(readPickle(pickle(dict({ a: attack }))).value).toEqual(
      new Map([["a", { kind: "object", name: "os.system", args: ["touch /tmp/owned"], state: null, items: null }]]),
    );
    expect(readPickle(pickle(call("builtins eval", "process.exit()"))).value).toMatchObject({ name: "builtins.eval" });
    expect(readPickle(pickle(object("argparse Namespace", dict({ lr: 1 })))).value).toEqual({
      kind: "object",
      name: "argparse.Namespace",
      args: [],
      state: new Map([["lr", 1]]),
      items: null,
    });
    // A class of its own that extends dict, and a call of what a call returned.
    expect(
      readPickle(Buffer.concat([operations(object("x D", null)), bytesOf("(X\u0001\0\0\0kK\u0001u.")])).value,
    ).toMatchObject({
      items: new Map([["k", 1]]),
    });
    expect(readPickle(Buffer.concat([operations(attack), bytesOf(")R.")])).value).toMatchObject({ name: "(no name)" });
  });

  test("names that mean something to JavaScript are plain keys", () => {
    const value = readPickle(pickle(dict({ constructor: 1, ["__proto__"]: dict({ polluted: true }) }))).value;
    expect(value).toBeInstanceOf(Map);
    expect("polluted" in {}).toBe(false);
    expect(readPickle(pickle(call("__proto__ constructor"))).value).toMatchObject({ kind: "object" });
  });

  test("a pickle cut short anywhere says so", () => {
    const whole = pickle(dict({ a: [1, "text", true], b: call("collections OrderedDict") }));
    expect(readPickle(whole).end).toBe(whole.byteLength);
    for (let length = 0; length < whole.byteLength; length += 1) {
      expect(() => readPickle(whole.subarray(0, length))).toThrow(TruncatedPickleError);
    }
  });

  test.each([
    ["a text longer than the file", "X\u00ff\u00ff\u00ff\u00ff."],
    ["a byte string of 2^63 bytes", "\u008e\0\0\0\0\0\0\0\u0080."],
    ["a whole number of 2^32 bytes", "\u008b\u00ff\u00ff\u00ff\u00ff"],
    ["an empty stack", "."],
    ["a tuple out of nothing", "\u0087."],
    ["a list that never began", "t."],
    ["taking what lies below a mark", "K\u0001(\u0085."],
    ["a memo that was never set", "h\u0005."],
    ["a dict with a key alone", "}(K\u0001u."],
    ["items of a number", "K\u0001(K\u0001K\u0002u."],
    ["appending to a text", "X\0\0\0\0K\u0001a."],
    ["an unknown operation", "\u00ff."],
    ["an extension code", "\u0082\u0001."],
    ["protocol 9", "\u0080\u0009N."],
    ["data outside of the pickle", "K\u0001Q."],
    ["marks without end", "(".repeat(20_000)],
  ])("%s is refused", (_, text) => {
    expect(() => read(text)).toThrow(/pickle/);
  });

  test("copying one list again and again is refused in time", () => {
    const list = Buffer.concat([bytesOf("(" + "N".repeat(100_000) + "tq\0"), bytesOf("c__builtin__\nset\nq\u0001")]);
    const copies = bytesOf("h\u0001h\0\u0085R".repeat(1000));
    expect(() => readPickle(Buffer.concat([list, copies, bytesOf(".")]))).toThrow(/more than/);
  });
});
