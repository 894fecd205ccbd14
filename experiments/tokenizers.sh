#!/usr/bin/env bash
# What each part of the tokenizer's recipe brings, at equal size, pictures and steps; prints a table of docs/results.md.
#
#   experiments/tokenizers.sh DATA CLIP OUT        DATA holds fluent-emoji/, grocery/ and kodak24/; CLIP judges
#   STEPS=1500 SEED=0 ONLY="paper ours" …          other lengths, seeds, rows
set -euo pipefail
data=$1 clip=$2 out=$3
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
clip_gen() { node "$here/bin/clip-gen.js" "$@"; }
mkdir -p "$out"

emoji() { printf '%s\n' "$data/fluent-emoji/emoji.jsonl?fold=$1&by=unicode" "$data/fluent-emoji/flat.jsonl?fold=$1&by=unicode"; }
mapfile -t trained < <(emoji 1-9/10; echo "$data/grocery/grocery.jsonl?group=fruit,vegetables&split=train,val")
mapfile -t held_out < <(emoji 0/10)

# name, then the flags by which the row differs from the one it builds on
row() {
  local name=$1
  shift
  if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
  if [ ! -d "$out/$name/vqgan" ]; then
    clip_gen train vqgan "${trained[@]}" -o "$out/$name" --preset small64 --seed "${SEED:-0}" \
      --steps "${STEPS:-1500}" --batch-size 32 --lr 2e-3 --min-lr 1e-4 --warmup 50 --no-flip \
      --pixel-loss l2 --disc-weight 0 --sample-every 100000 --checkpoint-every 100000 "$@" >"$out/$name.log" 2>&1
  fi
  for set in emoji kodak; do
    if [ -e "$out/$name.$set.json" ] || [ ! -d "$clip" ]; then continue; fi
    if [ $set = emoji ]; then pictures=("${held_out[@]}"); else pictures=("$data/kodak24/png" --tiles 4); fi
    clip_gen reconstruct "${pictures[@]}" -m "$out/$name/vqgan" --judge "$clip" -o "$out/$name.$set.png" --json >"$out/$name.$set.json"
  done
}

# Quantizers, with pixels as the only loss.
row paper --network embed_dim=256 normalize_codebook=false legacy=true rotation_trick=false --revive-every 0
row low-dim --network normalize_codebook=false rotation_trick=false --revive-every 0
row low-dim-unit --network rotation_trick=false --revive-every 0
row ours --network rotation_trick=false --revive-every 100
row ours-simvq --network sim_vq=true normalize_codebook=false embed_dim=64 rotation_trick=false
row ours-average --network rotation_trick=false --revive-every 100 --ema 0.995
row ours-rotation --revive-every 100

# Losses, each with the quantizer "ours".
loss() { row "loss-$1" --network rotation_trick=false --revive-every 100 "${@:2}"; }
loss l1 --pixel-loss l1
loss clip-0.1 --clip "$clip" --perceptual-weight 0.1
loss clip-0.3 --clip "$clip" --perceptual-weight 0.3
adversary=(--clip "$clip" --perceptual-weight 0.3 --disc-weight 0.2 --disc-start 750 --disc-ndf 32)
loss disc "${adversary[@]}"
loss disc-warm "${adversary[@]}" --disc-warmup 250 --lecam-weight 0.001

node "$here/experiments/table.js" "$out" emoji:reconstruction_psnr emoji:reconstruction_clip_distance emoji:codebook_used \
  emoji:codebook_perplexity kodak:reconstruction_psnr kodak:reconstruction_ssim kodak:reconstruction_clip_distance
node "$here/experiments/stack-reconstructions.js" "$out" "$out/stacked.png" paper ours-rotation loss-clip-0.1
