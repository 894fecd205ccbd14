#!/usr/bin/env bash
# The claim and what closes the gap between words and pictures, on composed scenes and without a judge; prints the tables of
# docs/results.md.
#
#   experiments/scenes.sh OUT
#   STEPS=5000 SEEDS="0 1 2" EACH=100 ONLY="language-free supervised" …
set -euo pipefail
out=$1
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
clip_gen() { node "$here/bin/clip-gen.js" "$@"; }
clip="$here/assets/composed-clip"
scenes=(--scenes "${SCENES:-40000}" --scene-kind composed)
mkdir -p "$out"

# CLIP's features first, which bring textures into the codes, and noise onto black grounds; then pixels alone, which take the noise away.
pixels=(--no-flip --batch-size 32 --pixel-loss l2 --disc-weight 0 --warmup 50 --revive-every 100 --ema 0.995)
if [ ! -d "$out/vqgan-features/vqgan" ]; then
  clip_gen train vqgan "${scenes[@]}" --preset small64 -o "$out/vqgan-features" "${pixels[@]}" --steps "${VQGAN_STEPS:-5000}" \
    --clip "$clip" --perceptual-weight 0.5 --lr 2e-3 --min-lr 1e-4 >"$out/vqgan-features.log" 2>&1
fi
if [ ! -d "$out/vqgan/vqgan" ]; then
  clip_gen train vqgan "${scenes[@]}" --init-from "$out/vqgan-features/vqgan" -o "$out/vqgan" "${pixels[@]}" --steps 800 \
    --perceptual-weight 0 --lr 5e-4 --min-lr 5e-5 >"$out/vqgan.log" 2>&1
fi
if [ ! -e "$out/encoded/index.json" ]; then
  clip_gen encode "${scenes[@]}" --clip "$clip" --vqgan "$out/vqgan/vqgan" --no-flip -o "$out/encoded"
fi

# draw NAME MODEL FLAGS…: the benchmark's figures as NAME.json. Distances are those of a CLIP that knows no scenes.
draw() {
  local name=$1 model=$2
  shift 2
  [ -e "$out/$name.json" ] && return
  clip_gen benchmark -m "$model" --each "${EACH:-100}" --precision float32 --judge "$here/assets/emoji-and-produce" -o "$out/$name.drawn" "$@"
  cp "$out/$name.drawn/metrics.json" "$out/$name.json"
}

# row NAME FLAGS…: a GPT for every seed, and what it draws
row() {
  local name=$1 seed
  shift
  if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
  for seed in ${SEEDS:-0}; do
    local run="$out/$name@$seed"
    if [ ! -e "$run/model/model.json" ]; then
      clip_gen train gpt "$out/encoded" -o "$run" --preset tiny --clip "$clip" --seed "$seed" --steps "${STEPS:-5000}" --batch-size 64 \
        --lr 1.5e-3 --min-lr 1e-4 --warmup 100 --token-dropout 0.25 --sample-every 100000 --checkpoint-every 100000 "$@" >"$run.log" 2>&1
      clip_gen convert --clip "$clip" --vqgan "$out/vqgan/vqgan" --gpt "$run/gpt" -o "$run/model" >>"$run.log"
    fi
    draw "$name@$seed" "$run/model" --seed $((seed * 1000000))
  done
}

# after NAME FLAGS…: what the language-free GPTs draw where sentences are moved or looked up (experiments/remember.js)
after() {
  local name=$1 seed
  shift
  if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
  for seed in ${SEEDS:-0}; do
    local model="$out/$name@$seed"
    if [ ! -e "$model/model.json" ]; then
      node "$here/experiments/remember.js" "$out/language-free@$seed/gpt" "$out/encoded" "$out/$name@$seed.gpt" "$@"
      clip_gen convert --clip "$clip" --vqgan "$out/vqgan/vqgan" --gpt "$out/$name@$seed.gpt" -o "$model"
    fi
    draw "$name@$seed" "$model" --seed $((seed * 1000000))
  done
}

# The claim: pictures alone, against captions.
row language-free --embedding-noise 0.5
row supervised --condition caption --embedding-noise 0

# The gap between words and pictures: noise of other lengths; 0.75 is clip2latent's, 3 is LAFITE's.
row noise-0 --embedding-noise 0
row noise-0.25 --embedding-noise 0.25
row noise-0.75 --embedding-noise 0.75
row noise-3 --embedding-noise 3

[ -e "$out/sentences.txt" ] || node "$here/experiments/scene-sentences.js" 2000 >"$out/sentences.txt"
after mean-shift --clip "$clip" --sentences "$out/sentences.txt"
after memory --memory 20000

row neighbours-4 --embedding-neighbours 4
row neighbours-16 --embedding-neighbours 16
row neighbours-64 --embedding-neighbours 64

# The generator, at equal steps.
row no-token-dropout --token-dropout 0
row no-drop --condition-drop 0
row qk-norm --network qk_norm=true
row random-order --random-order 0.7

# again NAME ROW FLAGS…: a row's GPTs, drawn from otherwise
again() {
  local name=$1 row=$2 seed
  shift 2
  if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
  for seed in ${SEEDS:-0}; do
    local model="$out/$row@$seed/model"
    [ -d "$model" ] || model="$out/$row@$seed"
    [ ! -e "$model/model.json" ] || draw "$name@$seed" "$model" --seed $((seed * 1000000)) "$@"
  done
}

for row in language-free supervised mean-shift; do
  again "$row-guidance-1.5" "$row" --guidance 1.5
  again "$row-guidance-2" "$row" --guidance 2
  again "$row-best-of-8" "$row" --guidance 1.5 --candidates 8
done
again language-free-best-of-16 language-free --guidance 1.5 --candidates 16
again temperature-0.8 language-free --temperature 0.8
EACH=${OPTIMISED:-6} SEEDS=0 again optimised language-free --method optimise --steps 300
SEEDS=0 again retrieved language-free --method retrieve

[ -z "${ONLY:-}" ] || exit 0
node "$here/experiments/table.js" "$out" seen_all unseen_all relation_all unseen_pair_all count_all long_all paraphrase_all
node "$here/experiments/table.js" "$out" clip_fd clip_precision clip_recall seconds_per_picture
node "$here/experiments/table.js" "$out" seen_color seen_shape seen_size seen_texture seen_position seen_background unseen_color unseen_shape relation_relation count_count
first="$out/language-free@0/model"
[ ! -d "$first" ] || node "$here/experiments/scene-losses.js" "$first"
