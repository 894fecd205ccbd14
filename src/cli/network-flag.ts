/** What `--network` is for, on every command that has it. */
export const NETWORK_HELP = "change the preset's network: --network codebook_size=4096 rotation_trick=true";
