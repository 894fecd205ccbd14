#!/usr/bin/env bash
# Builds the add-on against the libtorch inside a Python's `torch`, and measures training and drawing on its GPU, in less than
# ten minutes:
#
#   bench/gpu.sh [--device cuda] [--batch 64] [--pictures 256] [--small]
#
# PYTHON names the Python (python3), NODE a Node.js that was carried along (node). Needs g++; node_modules is installed where
# it is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
node=$(command -v "${NODE:-node}") || { echo "gpu.sh: there is no Node.js; name one: NODE=/path/to/node $0" >&2; exit 1; }
PATH="$(dirname "$node"):$PATH"
torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') ||
  { echo "gpu.sh: $python has no torch; name one that has: PYTHON=/path/to/python $0" >&2; exit 1; }
command -v g++ >/dev/null || { echo "gpu.sh: there is no g++" >&2; exit 1; }
[ -d node_modules/typescript ] || npm ci --ignore-scripts --no-audit --no-fund

mkdir -p native/build
export CLIP_GEN_NATIVE="$PWD/native/build/clip_gen-gpu.node"
LIBTORCH="$torch" node scripts/build-native.js --output "$CLIP_GEN_NATIVE"
node node_modules/typescript/bin/tsc -p tsconfig.bench.json
export CLIP_GEN_PEER_PYTHON="$python"
exec timeout 420 node dist-bench/bench/gpu.js "$@"
