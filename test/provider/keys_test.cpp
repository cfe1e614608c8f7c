#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>

#include "provider/key_file.h"
#include "test/provider/library.h"

/// Loading key files into an application through the module, and what can be done with such keys short of
/// signing.
namespace quorate::test {
namespace {

std::string write_out(EVP_PKEY* key, int selection, const char* form, const char* structure) {
  OSSL_ENCODER_CTX* ctx = OSSL_ENCODER_CTX_new_for_pkey(key, selection, form, structure, nullptr);
  unsigned char* data = nullptr;
  std::size_t size = 0;
  std::string out;
  if (OSSL_ENCODER_to_data(ctx, &data, &size) == 1) out.assign(data, data + size);
  OPENSSL_free(data);
  OSSL_ENCODER_CTX_free(ctx);
  return out;
}

std::string provider_of(EVP_PKEY* key) { return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)); }

class Keys : public testing::TestWithParam<const char*> {
 protected:
  Keys() : key_(GetParam()), library_({.module = QUORATE_FAKE_MODULE, .provider_json = write_config(dir_, key_), .extra = {}}, dir_) {}
  void TearDown() override { EXPECT_TRUE(queue_is_empty()); }

  TempDir dir_;
  TestKey key_;
  Library library_;
};
INSTANTIATE_TEST_SUITE_P(Curves, Keys, testing::Values("P-256", "P-384"), [](const auto& param) {
  return std::string(param.param).replace(1, 1, "");
});

TEST_P(Keys, loads_from_pem_without_leaving_errors) {
  const Pkey key = library_.load_pem(key_.pem());
  EXPECT_TRUE(queue_is_empty());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(provider_of(key.get()), "quorate");
  EXPECT_EQ(EVP_PKEY_is_a(key.get(), "EC"), 1);
  EXPECT_EQ(EVP_PKEY_get_base_id(key.get()), EVP_PKEY_EC) << "libssl looks certificates up by this";
  EXPECT_EQ(EVP_PKEY_get_bits(key.get()), GetParam() == std::string("P-256") ? 256 : 384);
  EXPECT_EQ(EVP_PKEY_get_size(key.get()), GetParam() == std::string("P-256") ? 72 : 104);
  EXPECT_EQ(EVP_PKEY_get_security_bits(key.get()), GetParam() == std::string("P-256") ? 128 : 192);
}

TEST_P(Keys, loads_from_a_store_as_the_command_line_does) {
  const Pkey pem = library_.load_store(dir_.write("key.pem", key_.pem()));
  ASSERT_NE(pem, nullptr) << testing::PrintToString(drain_errors());
  EXPECT_EQ(provider_of(pem.get()), "quorate");
  const Bytes der = encode_key_file_der(key_.file);
  const Pkey raw = library_.load_store(dir_.write("key.der", as_text(der)));
  ASSERT_NE(raw, nullptr) << testing::PrintToString(drain_errors());
  EXPECT_EQ(EVP_PKEY_eq(pem.get(), raw.get()), 1);
  ERR_clear_error();  // the store tries other readers first and keeps their complaints
}

TEST_P(Keys, loads_from_a_file_with_certificates_in_either_order) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, self_signed(key_).get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  const std::string chain(text, static_cast<std::size_t>(size));
  BIO_free(out);
  for (const std::string& pem : {chain + key_.pem(), key_.pem() + chain, chain + chain + key_.pem() + chain}) {
    const Pkey key = library_.load_pem(pem);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(provider_of(key.get()), "quorate");
    ERR_clear_error();  // OpenSSL's own search for the label
  }
}

TEST_P(Keys, equals_the_public_key_of_another_provider) {
  const Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(key.get(), key_.pair.get()), 1);
  EXPECT_EQ(EVP_PKEY_eq(key_.pair.get(), key.get()), 1);
  const TestKey other(GetParam());
  EXPECT_NE(EVP_PKEY_eq(key.get(), other.pair.get()), 1);
  EXPECT_NE(EVP_PKEY_eq(library_.load_pem(other.pem()).get(), key.get()), 1);
  ERR_clear_error();
}

TEST_P(Keys, fits_its_certificate_and_no_other) {
  const Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(X509_check_private_key(self_signed(key_).get(), key.get()), 1);
  EXPECT_TRUE(queue_is_empty());
  EXPECT_EQ(X509_check_private_key(self_signed(TestKey(GetParam())).get(), key.get()), 0);
  ERR_clear_error();
}

TEST_P(Keys, gives_the_public_parameters_that_libssl_and_tools_ask_for) {
  const Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  char text[64] = {};
  std::size_t size = 0;
  ASSERT_EQ(EVP_PKEY_get_group_name(key.get(), text, sizeof text, &size), 1);
  EXPECT_EQ(std::string(text), GetParam() == std::string("P-256") ? "prime256v1" : "secp384r1");
  ASSERT_EQ(EVP_PKEY_get_default_digest_name(key.get(), text, sizeof text), 1);
  EXPECT_EQ(std::string(text), key_.file.curve->digest_name());
  unsigned char* encoded = nullptr;
  ASSERT_EQ(EVP_PKEY_get1_encoded_public_key(key.get(), &encoded), key_.file.curve->point_size());
  EXPECT_EQ(Bytes(encoded, encoded + key_.file.curve->point_size()), key_.file.X.encode());
  OPENSSL_free(encoded);
  BIGNUM* x = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_EC_PUB_X, &x), 1);
  Bytes raw(key_.file.curve->field_size());
  BN_bn2binpad(x, raw.data(), static_cast<int>(raw.size()));
  BN_free(x);
  const Bytes point = key_.file.X.encode();
  EXPECT_TRUE(std::equal(raw.begin(), raw.end(), point.begin() + 1));
}

TEST_P(Keys, exports_public_parts_only) {
  const Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  OSSL_PARAM* params = nullptr;
  EXPECT_EQ(EVP_PKEY_todata(key.get(), EVP_PKEY_KEYPAIR, &params), 0);
  EXPECT_EQ(params, nullptr);
  EXPECT_EQ(EVP_PKEY_todata(key.get(), OSSL_KEYMGMT_SELECT_ALL, &params), 0);
  EXPECT_EQ(EVP_PKEY_todata(key.get(), OSSL_KEYMGMT_SELECT_PRIVATE_KEY, &params), 0);
  ERR_clear_error();
  ASSERT_EQ(EVP_PKEY_todata(key.get(), EVP_PKEY_PUBLIC_KEY, &params), 1);
  EXPECT_NE(OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY), nullptr);
  EXPECT_NE(OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME), nullptr);
  EXPECT_EQ(OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY), nullptr);
  OSSL_PARAM_free(params);
  params = nullptr;
  ASSERT_EQ(EVP_PKEY_todata(key.get(), EVP_PKEY_KEY_PARAMETERS, &params), 1);
  EXPECT_EQ(OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY), nullptr);
  OSSL_PARAM_free(params);
}

TEST_P(Keys, writes_its_public_half_and_its_own_file_again) {
  const Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(write_out(key.get(), EVP_PKEY_PUBLIC_KEY, "DER", "SubjectPublicKeyInfo"), as_text(key_.file.spki));
  const std::string spki = write_out(key.get(), EVP_PKEY_PUBLIC_KEY, "PEM", "SubjectPublicKeyInfo");
  EXPECT_EQ(spki, write_out(key_.pair.get(), EVP_PKEY_PUBLIC_KEY, "PEM", "SubjectPublicKeyInfo"));
  EXPECT_EQ(write_out(key.get(), EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo"), key_.pem());
  EXPECT_EQ(write_out(key.get(), EVP_PKEY_KEYPAIR, "PEM", "QuorateKey"), key_.pem());
  EXPECT_EQ(write_out(key.get(), EVP_PKEY_KEYPAIR, "DER", "QuorateKey"), as_text(encode_key_file_der(key_.file)));
  const std::string text = write_out(key.get(), EVP_PKEY_KEYPAIR, "TEXT", nullptr);
  EXPECT_NE(text.find(key_.file.key.hex()), std::string::npos) << text;
  EXPECT_NE(text.find("Cluster: test"), std::string::npos);
  EXPECT_TRUE(write_out(key.get(), EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo").empty());
  ERR_clear_error();
}

TEST_P(Keys, outlives_its_copies) {
  Pkey key = library_.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  Pkey copy(EVP_PKEY_dup(key.get()));
  ASSERT_NE(copy, nullptr);
  key.reset();
  EXPECT_EQ(EVP_PKEY_eq(copy.get(), key_.pair.get()), 1);
  EXPECT_TRUE(digest_sign(library_.get(), copy.get(), nullptr, tls13_content()).has_value());
}

TEST_P(Keys, imports_and_makes_none) {
  EVP_PKEY_CTX* ctx = EVP_PKEY_CTX_new_from_name(library_.get(), "EC", "provider=quorate");
  ASSERT_NE(ctx, nullptr);
  EXPECT_NE(EVP_PKEY_keygen_init(ctx), 1);
  OSSL_PARAM* params = nullptr;
  ASSERT_EQ(EVP_PKEY_todata(key_.pair.get(), EVP_PKEY_KEYPAIR, &params), 1);
  EVP_PKEY* imported = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(ctx), 1);
  EXPECT_NE(EVP_PKEY_fromdata(ctx, &imported, EVP_PKEY_KEYPAIR, params), 1);
  EXPECT_EQ(imported, nullptr);
  OSSL_PARAM_free(params);
  EVP_PKEY_CTX_free(ctx);
  ERR_clear_error();
}

TEST_P(Keys, share_one_engine_as_long_as_the_files_are_equal) {
  const Pkey first = library_.load_pem(key_.pem()), second = library_.load_pem(key_.pem());
  const auto opened = [&] {
    const std::string log = dir_.read("provider.log");
    std::size_t n = 0;
    for (auto at = log.find("fake engine opened"); at != std::string::npos; at = log.find("fake engine opened", at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(opened(), 1u);
  dir_.write("ca.crt", "renewed\n");
  const Pkey third = library_.load_pem(key_.pem());
  EXPECT_EQ(opened(), 2u);
  EXPECT_EQ(EVP_PKEY_eq(first.get(), third.get()), 1);
}

class KeyFiles : public testing::Test {
 protected:
  KeyFiles() : library_({.module = QUORATE_FAKE_MODULE, .provider_json = write_config(dir_, key_), .extra = {}}, dir_) {}
  std::string pem_of(const Bytes& der) {
    const std::string body = to_base64(der);
    return "-----BEGIN QUORATE KEY-----\n" + body + "\n-----END QUORATE KEY-----\n";
  }
  TempDir dir_;
  TestKey key_;
  Library library_;
};

TEST_F(KeyFiles, rejects_an_unknown_version_by_its_number) {
  KeyFile next = key_.file;
  next.version = 2;
  EXPECT_EQ(library_.load_pem(encode_key_file_pem(next)), nullptr);
  EXPECT_TRUE(failed_with("KeyFileInvalid", "version 2"));
}

TEST_F(KeyFiles, rejects_a_wrong_key_id) {
  KeyFile wrong = key_.file;
  wrong.key.bytes[31] ^= 1;
  EXPECT_EQ(library_.load_pem(encode_key_file_pem(wrong)), nullptr);
  EXPECT_TRUE(failed_with("KeyFileInvalid", "key id"));
}

TEST_F(KeyFiles, rejects_trailing_garbage_and_every_truncation) {
  Bytes der = encode_key_file_der(key_.file);
  der.push_back(0);
  EXPECT_EQ(library_.load_pem(pem_of(der)), nullptr);
  EXPECT_TRUE(failed_with("KeyFileInvalid", "something follows"));
  der.pop_back();
  for (std::size_t n = 0; n < der.size(); ++n) {
    EXPECT_EQ(library_.load_pem(pem_of(Bytes(der.begin(), der.begin() + static_cast<std::ptrdiff_t>(n)))), nullptr) << n;
    EXPECT_FALSE(drain_errors().empty()) << n;
  }
}

TEST_F(KeyFiles, rejects_a_key_of_another_cluster) {
  const TestKey stranger("P-256", "elsewhere");
  EXPECT_EQ(library_.load_pem(stranger.pem()), nullptr);
  EXPECT_TRUE(failed_with("ClusterMismatch", "\"elsewhere\""));
}

TEST_F(KeyFiles, rejects_pem_headers) {
  std::string pem = key_.pem();
  pem.insert(pem.find('\n') + 1, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n");
  EXPECT_EQ(library_.load_pem(pem), nullptr);
  EXPECT_TRUE(failed_with("KeyFileInvalid", "headers"));
}

TEST_F(KeyFiles, reports_a_broken_configuration_when_the_key_is_loaded) {
  dir_.write("provider.json", R"({"cluster": "test", "signerz": []})");
  EXPECT_EQ(library_.load_pem(key_.pem()), nullptr);
  EXPECT_TRUE(failed_with("ConfigInvalid", "signerz: unknown key"));
  std::filesystem::remove(dir_.path("provider.json"));
  EXPECT_EQ(library_.load_pem(key_.pem()), nullptr);
  EXPECT_TRUE(failed_with("ConfigInvalid", "provider.json: cannot be read"));
}

TEST_F(KeyFiles, leaves_foreign_keys_and_labels_alone) {
  const Pkey ordinary = library_.load_pem(key_.private_pem());
  EXPECT_TRUE(queue_is_empty());
  ASSERT_NE(ordinary, nullptr);
  EXPECT_EQ(provider_of(ordinary.get()), "default");

  const Pkey rsa(EVP_RSA_gen(2048));
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey_traditional(out, rsa.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio(out, "SOMEBODY ELSES KEY", "", key_.file.spki.data(), static_cast<long>(key_.file.spki.size()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  const std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  const Pkey loaded = library_.load_pem(pem);
  ASSERT_NE(loaded, nullptr);
  EXPECT_EQ(EVP_PKEY_is_a(loaded.get(), "RSA"), 1);
  ERR_clear_error();

  EXPECT_EQ(library_.load_pem(pem.substr(pem.find("-----BEGIN SOMEBODY"))), nullptr);
  for (const auto& error : drain_errors()) EXPECT_EQ(error.find("quorate::"), std::string::npos) << error;
}

TEST_F(KeyFiles, public_keys_stay_with_the_default_provider) {
  BIO* in = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(in, key_.pair.get());
  const Pkey key(PEM_read_bio_PUBKEY_ex(in, nullptr, nullptr, nullptr, library_.get(), nullptr));
  BIO_free(in);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(provider_of(key.get()), "default");
}

TEST(Module, loads_a_key_without_any_configuration_but_says_so_when_it_should_sign) {
  const TempDir dir;
  const TestKey key;
  const Library library({.module = QUORATE_FAKE_MODULE, .provider_json = {}, .extra = {}}, dir);
  testing::internal::CaptureStderr();
  const Pkey loaded = library.load_pem(key.pem());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no quorate-config"), std::string::npos);
  ASSERT_NE(loaded, nullptr);
  EXPECT_FALSE(digest_sign(library.get(), loaded.get(), "SHA256", tls13_content()));
  EXPECT_TRUE(failed_with("NotConfigured"));
}

TEST(Module, is_found_by_name_in_the_search_path) {
  const std::filesystem::path module = QUORATE_FAKE_MODULE;
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  ASSERT_EQ(OSSL_PROVIDER_set_default_search_path(context, module.parent_path().c_str()), 1);
  OSSL_PROVIDER* provider = OSSL_PROVIDER_load(context, module.stem().c_str());
  ASSERT_NE(provider, nullptr) << testing::PrintToString(drain_errors());
  const char *name = nullptr, *version = nullptr;
  int status = 0;
  OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
                         OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
                         OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status), OSSL_PARAM_END};
  EXPECT_EQ(OSSL_PROVIDER_get_params(provider, params), 1);
  EXPECT_EQ(status, 1);
  EXPECT_NE(version, nullptr);
  EXPECT_EQ(OSSL_PROVIDER_available(context, "default"), 1) << "loaded ahead of us";
  EXPECT_EQ(OSSL_PROVIDER_unload(provider), 1);
  OSSL_LIB_CTX_free(context);
  EXPECT_TRUE(queue_is_empty());
}

TEST(Module, leaves_the_default_provider_alone_when_told_to) {
  const TempDir dir;
  const Library library({.module = QUORATE_FAKE_MODULE, .provider_json = {}, .activate_default = false,
                         .extra = "quorate-load-default = no\n"}, dir);
  EXPECT_EQ(OSSL_PROVIDER_available(library.get(), "default"), 0);
  testing::internal::CaptureStderr();
  (void)library.load_pem(TestKey().pem());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("resolve to the quorate provider"), std::string::npos) << log;
  EXPECT_NE(log.find("no provider with ciphers"), std::string::npos);
  ERR_clear_error();
}

TEST(Module, repairs_a_configuration_without_the_default_provider) {
  const TempDir dir;
  const Library library({.module = QUORATE_FAKE_MODULE, .provider_json = {}, .activate_default = false, .extra = {}}, dir);
  EXPECT_EQ(OSSL_PROVIDER_available(library.get(), "default"), 1);
  const Pkey made(EVP_PKEY_Q_keygen(library.get(), nullptr, "EC", "P-256"));
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(provider_of(made.get()), "default");
}

}  // namespace
}  // namespace quorate::test
