#pragma once

#include <array>

#include "protocol/group/lane_field.h"

/// The vector types and LaneField as functions over arrays, so that a test that knows no vector type can call
/// either. No inline function of anybody else may be used here, see protocol/group/lanes.h.
namespace quorate {

enum class VectorOp {
  Copy,
  Add,
  Sub,
  And,
  Or,
  Xor,
  AndNot,
  Shl,
  Shr,
  Sar,
  MadLo,
  MadHi,
  Select,
  Zero,
  Negative,
  Swap,
  Count
};
enum class FieldOp {
  Mul,
  Sqr,
  Add,
  Sub1,
  Sub2,
  Sub4,
  Sub8,
  Negate2,
  Less1,
  Less2,
  Less4,
  Canonical,
  Folded,
  ToMontgomery,
  FromMontgomery,
  IsZero,
  Choose,
  Invert,
  LoadAndStore,
  One
};

/// Eight words each; stride in words between a's, b's, c's and r's.
using VectorProbe = void (*)(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                             const std::uint64_t* b, const std::uint64_t* c);
/// Eight elements of lane_limbs(m.limbs) limbs each, element after element. Of LoadAndStore a and r are
/// residues of m.limbs words, b's first word the stride; of Choose, c's first limb in each element is the
/// mask.
using FieldProbe = void (*)(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                            const std::uint64_t* b, const std::uint64_t* c);

void probe_portable_vector(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                           const std::uint64_t* b, const std::uint64_t* c);
void probe_ifma_vector(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                       const std::uint64_t* b, const std::uint64_t* c);
void probe_portable_field(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                          const std::uint64_t* b, const std::uint64_t* c);
void probe_ifma_field(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                      const std::uint64_t* b, const std::uint64_t* c);

template <class V>
V vector_result(VectorOp op, V a, V b, V c) {
  switch (op) {
    case VectorOp::Copy:
      return a;
    case VectorOp::Add:
      return a + b;
    case VectorOp::Sub:
      return a - b;
    case VectorOp::And:
      return a & b;
    case VectorOp::Or:
      return a | b;
    case VectorOp::Xor:
      return a ^ b;
    case VectorOp::AndNot:
      return andnot(a, b);
    case VectorOp::Shl:
      return shl<13>(a);
    case VectorOp::Shr:
      return shr<52>(a);
    case VectorOp::Sar:
      return sar<52>(a);
    case VectorOp::MadLo:
      return madlo(a, b, c);
    case VectorOp::MadHi:
      return madhi(a, b, c);
    case VectorOp::Select:
      return select(a, b, c);
    case VectorOp::Zero:
      return mask_if_zero(a);
    case VectorOp::Negative:
      return mask_if_negative(a);
    case VectorOp::Swap:
      return swap_bytes(a);
    case VectorOp::Count:
      break;
  }
  return V::broadcast(0);
}

template <class V>
void probe_vector(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                  const std::uint64_t* b, const std::uint64_t* c) {
  if (stride == 1)
    vector_result(op, V::load(a), V::load(b), V::load(c)).store(r);
  else
    vector_result(op, V::gather(a, stride), V::gather(b, stride), V::gather(c, stride)).scatter(r, stride);
}

template <class V, std::size_t L>
void probe_width(const Modulus& m, FieldOp op, std::uint64_t* out, const std::uint64_t* in_a,
                 const std::uint64_t* in_b, const std::uint64_t* in_c) {
  using Field = LaneField<V, L>;
  const Field f(m);
  if (op == FieldOp::LoadAndStore) {
    Field::store(out, in_b[0], Field::load(in_a, in_b[0]));
    return;
  }
  typename Field::Element a, b, r = Field::zero();
  for (std::size_t i = 0; i < L; ++i) {
    a[i] = V::gather(in_a + i, L);
    b[i] = V::gather(in_b + i, L);
  }
  switch (op) {
    case FieldOp::Mul:
      r = f.mul(a, b);
      break;
    case FieldOp::Sqr:
      r = f.sqr(a);
      break;
    case FieldOp::Add:
      r = f.add(a, b);
      break;
    case FieldOp::Sub1:
      r = f.template sub<1>(a, b);
      break;
    case FieldOp::Sub2:
      r = f.sub(a, b);
      break;
    case FieldOp::Sub4:
      r = f.template sub<4>(a, b);
      break;
    case FieldOp::Sub8:
      r = f.template sub<8>(a, b);
      break;
    case FieldOp::Negate2:
      r = f.negate(a);
      break;
    case FieldOp::Less1:
      r = f.template less<1>(a);
      break;
    case FieldOp::Less2:
      r = f.template less<2>(a);
      break;
    case FieldOp::Less4:
      r = f.template less<4>(a);
      break;
    case FieldOp::Canonical:
      r = f.canonical(a);
      break;
    case FieldOp::Folded:
      if constexpr (Field::kWords > 1) r = f.folded(a);
      break;
    case FieldOp::ToMontgomery:
      r = f.to_montgomery(a);
      break;
    case FieldOp::FromMontgomery:
      r = f.from_montgomery(a);
      break;
    case FieldOp::IsZero:
      r[0] = f.is_zero(a);
      break;
    case FieldOp::Choose:
      r = f.choose(V::gather(in_c, L), a, b);
      break;
    case FieldOp::Invert:
      r = f.invert(a, m);
      break;
    case FieldOp::One:
      r = f.one();
      break;
    case FieldOp::LoadAndStore:
      break;
  }
  for (std::size_t i = 0; i < L; ++i) r[i].scatter(out + i, L);
}

template <class V>
void probe_field(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                 const std::uint64_t* b, const std::uint64_t* c) {
  switch (m.limbs) {
    case 1:
      return probe_width<V, 2>(m, op, r, a, b, c);
    case 4:
      return probe_width<V, 5>(m, op, r, a, b, c);
    case 6:
      return probe_width<V, 8>(m, op, r, a, b, c);
    default:
      __builtin_trap();
  }
}

}  // namespace quorate
