#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <set>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

/// The same point's SubjectPublicKeyInfo as OpenSSL writes it.
Bytes openssl_spki(const Point& point) {
  auto encoded = point.encode();
  auto group = std::string(point.curve().name());
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("group", group.data(), 0),
                         OSSL_PARAM_construct_octet_string("pub", encoded.data(), encoded.size()),
                         OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  return out;
}

TEST(KeyShare, spki_is_what_openssl_writes) {
  sim::SeededRng rng(1);
  for (const auto* curve : {&Curve::p256(), &Curve::p384()})
    for (int time = 0; time < 5; ++time) {
      const auto point = Point::mul_base(Scalar::random_nonzero(*curve, rng));
      EXPECT_EQ(to_hex(spki_der(point)), to_hex(openssl_spki(point)));
    }
}

TEST(KeyShare, key_id_is_sha256_of_the_spki) {
  const auto key = key_id_of(Point::generator(Curve::p256()));
  EXPECT_EQ(spki_der(Point::generator(Curve::p256())).size(), 91u);
  std::array<std::uint8_t, 32> expected{};
  const auto der = openssl_spki(Point::generator(Curve::p256()));
  ASSERT_EQ(EVP_Digest(der.data(), der.size(), expected.data(), nullptr, EVP_sha256(), nullptr), 1);
  EXPECT_EQ(key.bytes, expected);
}

TEST(KeyShare, every_point_of_the_toy_curve_has_its_own_key_id) {
  Curve::allow_toy();
  std::set<KeyId> ids;
  Point point(Curve::toy());
  std::size_t order = 0;
  do {
    ids.insert(key_id_of(point));
    point += Point::generator(Curve::toy());
    ++order;
  } while (!point.is_infinity());
  EXPECT_EQ(ids.size(), order);
}

class PublicKeyInfoTest : public testing::Test {
 protected:
  std::map<PartyId, KeyShare> shares_ = sim::make_key(Curve::p256(), 4, 3, 9);
  const PublicKeyInfo& good_ = shares_.at(1).info;
  PublicKeyInfo info_ = good_;

  void expect_other_confirmation() {
    EXPECT_NE(confirmation_digest(info_), confirmation_digest(good_));
    EXPECT_FALSE(confirmations_valid(info_));
  }
  void expect_inconsistent() { EXPECT_FALSE(consistent(info_)); }
};

TEST_F(PublicKeyInfoTest, a_finished_key_is_consistent_and_confirmed) {
  EXPECT_TRUE(consistent(info_));
  EXPECT_TRUE(confirmations_valid(info_));
}

TEST_F(PublicKeyInfoTest, confirmation_covers_every_field) {
  const auto try_with = [&](auto change) {
    info_ = good_;
    change();
    expect_other_confirmation();
  };
  try_with([&] { info_.name += "x"; });
  try_with([&] { info_.key.bytes[0] ^= 1; });
  try_with([&] { info_.epoch.bytes[0] ^= 1; });
  try_with([&] { info_.ceremony.bytes[0] ^= 1; });
  try_with([&] { info_.sid.bytes[0] ^= 1; });
  try_with([&] { info_.threshold = 2; });
  try_with([&] { info_.X += Point::generator(Curve::p256()); });
  try_with([&] { info_.share_points.at(4) += Point::generator(Curve::p256()); });
  try_with([&] { info_.share_points.erase(4); });
  try_with([&] { std::swap(info_.share_points.at(3), info_.share_points.at(4)); });
  try_with([&] { info_.members[1].identity.bytes[3] ^= 1; });
  try_with([&] { info_.members.pop_back(); });
}

TEST_F(PublicKeyInfoTest, rejects_a_confirmation_that_is_missing_foreign_or_altered) {
  info_.confirmations.erase(2);
  EXPECT_FALSE(confirmations_valid(info_));
  info_ = good_;
  info_.confirmations.at(2) = info_.confirmations.at(3);
  EXPECT_FALSE(confirmations_valid(info_));
  info_ = good_;
  info_.confirmations.at(4)[63] ^= 0x10;
  EXPECT_FALSE(confirmations_valid(info_));
  info_ = good_;
  info_.confirmations.emplace(5, info_.confirmations.at(1));
  EXPECT_FALSE(confirmations_valid(info_));
  info_ = good_;
  info_.confirmations.clear();
  info_.members.clear();
  EXPECT_FALSE(confirmations_valid(info_));
}

TEST_F(PublicKeyInfoTest, rejects_shares_off_the_polynomial_and_a_foreign_key) {
  for (PartyId id = 1; id <= 4; ++id) {
    info_ = good_;
    info_.share_points.at(id) += Point::generator(Curve::p256());
    info_.epoch = epoch_id_of(info_);
    expect_inconsistent();
  }
  info_ = good_;
  info_.X += Point::generator(Curve::p256());
  info_.key = key_id_of(info_.X);
  info_.epoch = epoch_id_of(info_);
  expect_inconsistent();
  info_ = good_;
  info_.threshold = 2;  // a polynomial of degree 2 is not one of degree 1
  info_.epoch = epoch_id_of(info_);
  expect_inconsistent();
}

TEST_F(PublicKeyInfoTest, rejects_ids_and_counts_that_do_not_fit) {
  const auto try_with = [&](auto change) {
    info_ = good_;
    change();
    expect_inconsistent();
  };
  try_with([&] { info_.curve = nullptr; });
  try_with([&] { info_.curve = &Curve::p384(); });
  try_with([&] { info_.key.bytes[31] ^= 1; });
  try_with([&] { info_.epoch.bytes[31] ^= 1; });
  try_with([&] { info_.previous.bytes[31] ^= 1; });
  try_with([&] { info_.ceremony.bytes[31] ^= 1; });
  try_with([&] { info_.threshold = 5; });
  try_with([&] { info_.threshold = 1; });
  try_with([&] { info_.X = Point(); });
  try_with([&] { info_.X = Point(Curve::p256()); });
  try_with([&] { info_.share_points.at(2) = Point(); });
  try_with([&] { info_.share_points.at(2) = Point::generator(Curve::p384()); });
  try_with([&] { info_.share_points.erase(2); });
  try_with([&] { info_.share_points.emplace(5, info_.X); });
  try_with([&] { info_.members.pop_back(); });
  try_with([&] { std::swap(info_.members[0], info_.members[1]); });
  try_with([&] { info_.members[3].id = 17; });
}

}  // namespace
}  // namespace quorate
