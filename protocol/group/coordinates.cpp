#include "protocol/group/coordinates.h"

#include <openssl/bn.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "protocol/group/montgomery.h"

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

AffinePoints affine_all(std::span<const Point> points) {
  AffinePoints out(points.size());
  if (points.empty()) return out;
  const Modulus& m = points.front().curve().field();
  std::vector<Jacobian, WipingAllocator<Jacobian>> coordinates;
  coordinates.reserve(points.size());
  bool divided = true;
  for (const auto& p : points) {
    require(p.valid() && &p.curve() == &points.front().curve());
    coordinates.push_back(jacobian(p));
    divided = divided && (coordinates.back().z == Limbs{1} || p.is_infinity());
  }
  if (divided) {  // as points are that came off the wire
    for (std::size_t i = 0; i < points.size(); ++i)
      if (!points[i].is_infinity()) out[i] = {coordinates[i].x, coordinates[i].y};
    return out;
  }
  // Montgomery's trick over the z that are not 0: before[i] is the product of all z ahead of i.
  std::vector<Limbs, WipingAllocator<Limbs>> before;
  before.reserve(points.size());
  Limbs product = m.r;
  for (std::size_t i = 0; i < points.size(); ++i) {
    before.push_back(product);
    if (points[i].is_infinity()) continue;
    residue::mont_mul(m, coordinates[i].z, coordinates[i].z, m.r2);
    residue::mont_mul(m, product, product, coordinates[i].z);
  }
  Limbs inverse{};
  mont::with_width(m, [&]<std::size_t N>() { mont::invert<N>(m, inverse.data(), product.data()); });
  for (std::size_t i = points.size(); i-- > 0;) {
    if (points[i].is_infinity()) continue;
    const Jacobian& j = coordinates[i];
    Limbs z1, z2, z3;
    residue::mont_mul(m, z1, inverse, before[i]);
    residue::mont_mul(m, inverse, inverse, j.z);
    residue::mont_mul(m, z2, z1, z1);
    residue::mont_mul(m, z3, z2, z1);
    residue::mont_mul(m, out[i].x, j.x, z2);  // plain times Montgomery form: plain again
    residue::mont_mul(m, out[i].y, j.y, z3);
  }
  return out;
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
