#!/usr/bin/env bash
# The model that comes with the program, from nothing but pictures with their names; then what it is worth.
#
#   experiments/emoji-and-produce.sh DATA OUT      DATA holds fluent-emoji/ and grocery/
set -euo pipefail
data=$1 out=$2
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
clip_gen() { node "$here/bin/clip-gen.js" "$@"; }
mkdir -p "$out"

emoji=("$data/fluent-emoji/emoji.jsonl" "$data/fluent-emoji/flat.jsonl")
pictures=("${emoji[@]}" "$data/grocery/grocery.jsonl?group=fruit,vegetables&split=train,val&as=photo")

# The model's own CLIP, and one that judges: another seed, another architecture, never used in training or ranking.
[ -d "$out/clip/clip" ] || clip_gen train clip "${pictures[@]}" --preset small64 --steps 3500 --batch-size 128 --warmup 100 \
  --crop 0.1 --soften 0.15 --vary-captions 0.5 --no-flip --save-dtype bfloat16 -o "$out/clip"
# Then its text tower alone, each caption against all pictures; with more of them in other words; and in other pieces.
words() {
  local name=$1 from=$2
  shift 2
  [ -d "$out/$name/clip" ] || clip_gen train clip "${pictures[@]}" --init-from "$out/$from/clip" --lock-image --batch-size 128 \
    --lr 5e-4 --warmup 100 --save-dtype bfloat16 -o "$out/$name" "$@"
}
words clip-text clip --steps 3000 --vary-captions 0.5
words clip-words clip-text --steps 4000 --vary-captions 0.8
words clip-pieces clip-words --steps 8000 --vary-captions 0.8 --merge-dropout 0.1
# Three quarters of the way there, where kinds ("apple") are still kept together that have many names.
[ -d "$out/own-clip" ] || node "$here/experiments/average.js" "$out/clip-text/clip" "$out/clip-pieces/clip" 0.75 "$out/own-clip"
[ -d "$out/judge/clip" ] || clip_gen train clip "${pictures[@]}" --preset resnet64 --seed 7 --steps 1800 --batch-size 128 --warmup 100 \
  --crop 0.1 --vary-captions 0.3 --no-flip --save-dtype bfloat16 -o "$out/judge"

# From here on no caption is read.
[ -d "$out/vqgan/vqgan" ] || clip_gen train vqgan "${pictures[@]}" --clip "$out/own-clip" --preset small128 --network rotation_trick=false --steps "${VQGAN_STEPS:-3000}" --batch-size 24 \
  --pixel-loss l2 --perceptual-weight 0.1 --disc-weight 0 --lr 1.5e-3 --min-lr 5e-5 --warmup 100 --no-flip --revive-every 100 \
  --ema 0.998 --checkpoint-every 1000 --save-dtype bfloat16 -o "$out/vqgan"
[ -e "$out/encoded/index.json" ] || clip_gen encode "${pictures[@]}" --clip "$out/own-clip" --vqgan "$out/vqgan/vqgan" --no-flip -o "$out/encoded"
[ -d "$out/gpt/gpt" ] || clip_gen train gpt "$out/encoded" --preset small --network layers=8 width=320 heads=5 dropout=0 --steps "${GPT_STEPS:-9000}" --batch-size 32 \
  --lr 1e-3 --min-lr 5e-5 --warmup 200 --embedding-noise 0.75 --token-dropout 0 --memory 2531 --checkpoint-every 1000 --save-dtype bfloat16 -o "$out/gpt"
[ -e "$out/model/model.json" ] || clip_gen convert --clip "$out/own-clip" --vqgan "$out/vqgan/vqgan" --gpt "$out/gpt/gpt" -o "$out/model"
clip_gen calibrate -m "$out/model" --data "${pictures[@]}"

# What it is worth: names and what people make of them, recognised by the judge among all emoji; produce among all classes.
measure() {
  local name=$1
  shift
  if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
  [ -e "$out/$name.json" ] || {
    clip_gen evaluate -m "${model:-$out/model}" --judge "$out/judge/clip" --candidates 16 -o "$out/$name" "$@"
    cp "$out/$name/metrics.json" "$out/$name.json"
  }
}
names=(--data "${emoji[0]}" --reference "${emoji[@]}" --limit "${NAMES:-200}")
classes="$data/grocery/grocery.jsonl?split=test&caption=coarse"
produce=(--data "$classes&group=fruit,vegetables&as=photo" --rephrase style --reference "$classes" --limit "${PRODUCE:-150}")
measure names "${names[@]}" --training "${pictures[@]}"
for how in article plural order typo capitals keywords; do
  measure "names-$how" "${names[@]}" --rephrase "$how"
done
measure produce "${produce[@]}" --training "${pictures[@]}"

# The bound to compare with: the same GPT, which goes on with what the pictures are called.
[ -e "$out/named/index.json" ] || clip_gen encode "${pictures[@]}" --captions --clip "$out/own-clip" --vqgan "$out/vqgan/vqgan" --no-flip -o "$out/named"
[ -d "$out/supervised/gpt" ] || clip_gen train gpt "$out/named" --init-from "$out/gpt/gpt" --condition caption --clip "$out/own-clip" \
  --embedding-noise 0 --token-dropout 0 --steps "${SUPERVISED_STEPS:-1500}" --batch-size 32 --lr 3e-4 --min-lr 3e-5 --warmup 100 --save-dtype bfloat16 -o "$out/supervised"
[ -e "$out/supervised-model/model.json" ] || clip_gen convert --clip "$out/own-clip" --vqgan "$out/vqgan/vqgan" --gpt "$out/supervised/gpt" -o "$out/supervised-model"

# The claim: against captions, against codes that are optimised, and against the nearest training picture.
model="$out/supervised-model" measure names-supervised "${names[@]}"
model="$out/supervised-model" measure produce-supervised "${produce[@]}"
optimised=(--method optimise --steps 200 --limit "${OPTIMISED:-8}")
measure names-optimised "${names[@]}" "${optimised[@]}"
measure produce-optimised "${produce[@]}" "${optimised[@]}"
measure names-retrieved "${names[@]}" --method retrieve --training "${pictures[@]}"
measure produce-retrieved "${produce[@]}" --method retrieve --training "${pictures[@]}"

[ -z "${ONLY:-}" ] || exit 0
node "$here/experiments/table.js" "$out" recognised recognised_in_5 named clip_score clip_fd clip_recall seconds_per_picture
node "$here/experiments/familiarity.js" "$out/model" "$data"
