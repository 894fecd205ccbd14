import { useState } from "preact/hooks";
import { logIn } from "./api.ts";

/** Asks for the token of a server that other machines can reach. */
export function Login({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  return (
    <main class="login">
      <h1>clip-gen</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          logIn(token).then(onDone, (error: unknown) =>
            setProblem(error instanceof Error ? error.message : String(error)),
          );
        }}
      >
        <label class="wide">
          The server's token
          <input
            type="password"
            autoComplete="current-password"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" disabled={token === ""}>
          Enter
        </button>
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </form>
    </main>
  );
}
