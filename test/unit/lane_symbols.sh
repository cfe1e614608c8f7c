#!/bin/sh
# Of sources that are compiled for AVX-512 (protocol/group/lanes.h) no function may be shared with others: the linker
# would keep one copy of it for all, and maybe theirs.
#   lane_symbols.sh LIBRARY..
set -eu
status=0
for library; do
  # Functions that the linker may merge (W, V), or that others may call (T), but for the kernels' entries.
  shared=$(nm -C --defined-only "$library" | grep -E '^[0-9a-f]* ?[WVT] ' |
    grep -v -e IfmaLanes -e ' quorate::mul::ifma_kernels(' -e ' quorate::ot::vaes_hash_lanes(' -e ' quorate::probe_ifma_' -e ' quorate::sha256_lanes(' || true)
  if [ -n "$shared" ]; then
    printf '%s: shared with sources for any processor:\n%s\n' "$library" "$shared"
    status=1
  fi
done
exit $status
