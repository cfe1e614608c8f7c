#include "protocol/group/coordinates.h"

#include <openssl/bn.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

struct ContextFree {
  void operator()(BN_CTX* c) const { BN_CTX_free(c); }
};

}  // namespace

Jacobian jacobian(const Point& p) {
  thread_local const std::unique_ptr<BN_CTX, ContextFree> context(BN_CTX_new());
  BN_CTX* ctx = context.get();
  require(ctx != nullptr);
  BN_CTX_start(ctx);
  BIGNUM* xyz[3] = {BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx)};
  require(xyz[2] != nullptr);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  require(EC_POINT_get_Jprojective_coordinates_GFp(p.curve().group(), p.get(), xyz[0], xyz[1], xyz[2], ctx) ==
          1);
#pragma GCC diagnostic pop
  Jacobian out;
  Limbs* limbs[3] = {&out.x, &out.y, &out.z};
  const std::size_t size = p.curve().field_size();
  std::array<std::uint8_t, 8 * kMaxLimbs> bytes;
  for (int i = 0; i < 3; ++i) {
    require(BN_bn2binpad(xyz[i], bytes.data(), static_cast<int>(size)) == static_cast<int>(size));
    residue::from_big_endian(*limbs[i], ByteView(bytes).first(size));
  }
  BN_CTX_end(ctx);
  return out;
}

Point from_affine(const Curve& curve, const Limbs& x, const Limbs& y) {
  auto out = Point::decode(curve, uncompressed(curve, x, y));
  require(out.has_value());
  return std::move(*out);
}

Bytes uncompressed(const Curve& curve, const Limbs& x, const Limbs& y) {
  const std::size_t size = curve.field_size();
  Bytes out(1 + 2 * size);
  out[0] = POINT_CONVERSION_UNCOMPRESSED;
  residue::to_big_endian(MutableByteView(out).subspan(1, size), x);
  residue::to_big_endian(MutableByteView(out).subspan(1 + size, size), y);
  return out;
}

}  // namespace quorate
