#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "protocol/net/strict_json.h"
#include "protocol/wire/der.h"
#include "provider/config.h"
#include "test/provider/library.h"

/// Key files and configuration files as such, without OpenSSL around them.
namespace quorate::test {
namespace {

using net::StrictJson;

std::string golden(const std::string& name) {
  return read_text_file(std::filesystem::path(QUORATE_TEST_PROVIDER) / "golden" / name);
}

TEST(KeyFile, golden_files_are_read_and_written_byte_for_byte) {
  for (const auto& [name, curve, key] : {
           std::tuple{"p256.key.pem", "P-256", "9d2ca3ec67a03af218f53dac1f3e0401e308d5e32f0c2530fb5d9f5763178311"},
           std::tuple{"p384.key.pem", "P-384", "691321791105c8b04a4638d0e00514112dd9601b69bcbaaae48749c63f3a7817"},
       }) {
    const std::string pem = golden(name);
    const auto file = parse_key_file_pem(pem);
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(file->version, 1u);
    EXPECT_EQ(file->curve->name(), curve);
    EXPECT_EQ(file->cluster, "golden.example");
    EXPECT_EQ(file->key.hex(), key);
    EXPECT_EQ(encode_key_file_pem(*file), pem);
    EXPECT_EQ(encode_key_file_pem(make_key_file(file->X, "golden.example")), pem);
  }
}

TEST(KeyFile, goes_both_ways_on_both_curves) {
  for (const char* curve : {"P-256", "P-384"}) {
    const TestKey key(curve, "a");
    const auto file = parse_key_file_der(encode_key_file_der(key.file));
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(file->key, key.file.key);
    EXPECT_EQ(file->spki, key.file.spki);
    EXPECT_TRUE(file->X == key.file.X);
    EXPECT_EQ(file->cluster, "a");
  }
}

TEST(KeyFile, rejects_every_truncation_and_every_changed_byte_but_those_of_the_cluster) {
  const TestKey key("P-256", "aaaaaaaa");
  const Bytes good = encode_key_file_der(key.file);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(parse_key_file_der(ByteView(good).first(n))) << n;
  for (std::size_t i = 0; i < good.size() - 8; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(parse_key_file_der(bad)) << i << "." << bit;
    }
  for (std::uint8_t tail : Bytes{0x00, 0x05, 0x30}) {
    Bytes longer = good;
    longer.push_back(tail);
    EXPECT_FALSE(parse_key_file_der(longer));
  }
}

TEST(KeyFile, rejects_bad_cluster_names_and_says_so) {
  for (const std::string name : {"", "a b", "a/b", "\xc3\xa4", std::string(65, 'a').c_str()}) {
    KeyFile file = TestKey().file;
    file.cluster = name;
    const auto parsed = parse_key_file_der(encode_key_file_der(file));
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().find("cluster name"), std::string::npos);
  }
}

TEST(KeyFile, rejects_compressed_points_and_foreign_curves) {
  const Pkey foreign(EVP_EC_gen("secp256k1"));
  unsigned char* spki = nullptr;
  const int size = i2d_PUBKEY(foreign.get(), &spki);
  KeyFile file = TestKey().file;
  file.spki.assign(spki, spki + size);
  OPENSSL_free(spki);
  const auto parsed = parse_key_file_der(encode_key_file_der(file));
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().find("no point of P-256 or P-384"), std::string::npos);
}

TEST(KeyFile, tells_a_newer_version_from_a_broken_file) {
  KeyFile file = TestKey().file;
  file.version = 7;
  EXPECT_EQ(parse_key_file_der(encode_key_file_der(file)).error(),
            "key file version 7 is unknown; this release reads version 1");
  EXPECT_EQ(parse_key_file_der(file.spki).error(), "not a quorate key file");
  EXPECT_EQ(parse_key_file_der({}).error(), "not a quorate key file");
}

TEST(KeyFile, pem_must_hold_one_key_and_may_hold_certificates) {
  const TestKey key;
  EXPECT_TRUE(parse_key_file_pem("text before\n" + key.pem() + "text after\n"));
  EXPECT_EQ(parse_key_file_pem(key.pem() + key.pem()).error(), "more than one block of QUORATE KEY");
  EXPECT_EQ(parse_key_file_pem("").error(), "no block of QUORATE KEY");
  EXPECT_EQ(parse_key_file_pem(key.private_pem()).error(), "no block of QUORATE KEY");
  const std::string pem = key.pem();
  for (std::size_t n = 0; n + 1 < pem.size(); n += 7) EXPECT_FALSE(parse_key_file_pem(pem.substr(0, n))) << n;
  EXPECT_TRUE(queue_is_empty());
}

std::string problem(const char* text, void (*read)(const net::StrictObject&)) {
  const auto document = StrictJson::parse("f.json", text);
  if (!document) return document.error();
  read(document->root());
  const auto whole = document->finish();
  return whole ? "" : whole.error();
}
void ask_nothing(const net::StrictObject&) {}

TEST(StrictJson, reports_line_and_column_of_syntax_errors) {
  EXPECT_NE(problem("{\n  \"a\": tru\n}", ask_nothing).find("f.json: line 2, column"), std::string::npos)
      << problem("{\n  \"a\": tru\n}", ask_nothing);
  EXPECT_NE(problem("", ask_nothing).find("line 1, column 1"), std::string::npos);
  EXPECT_NE(problem("{} x", ask_nothing).find("line 1, column 4"), std::string::npos);
  EXPECT_NE(problem("{\"a\": \"\xff\"}", ask_nothing).find("f.json"), std::string::npos) << "not UTF-8";
}

TEST(StrictJson, rejects_doubled_keys_deep_nesting_and_other_roots) {
  EXPECT_EQ(problem(R"({"a": 1, "b": {"c": 1, "c": 2}})", ask_nothing),
            "f.json: key \"c\" is given twice in one object");
  EXPECT_NE(problem(std::string(40, '[').insert(0, "{\"a\":").c_str(), ask_nothing).find("32 levels"), std::string::npos);
  EXPECT_EQ(problem("[]", ask_nothing), "f.json: expected an object, found an array");
}

TEST(StrictJson, names_path_expectation_and_finding) {
  EXPECT_EQ(problem(R"({"a": {"b": [{"c": "x"}]}})",
                    [](const auto& root) { (void)root.object("a").objects("b", 1, 2)[0].integer("c", 1, 9); }),
            "f.json: a.b[0].c: expected a whole number of 1..9, found a string");
  EXPECT_EQ(problem("{}", [](const auto& root) { (void)root.object("a").text("b"); }), "f.json: a: is missing");
  EXPECT_EQ(problem(R"({"a": 1, "b": 2})", [](const auto& root) { (void)root.integer("a", 0, 5); }),
            "f.json: b: unknown key (known: a)");
  EXPECT_EQ(problem(R"({"a": {"x": 1}})", [](const auto& root) { (void)root.object("a"); }),
            "f.json: a.x: unknown key (known: )");
}

TEST(StrictJson, holds_values_to_their_ranges) {
  const auto integer = [](const auto& root) { (void)root.integer("a", -5, 5); };
  EXPECT_EQ(problem(R"({"a": 5})", integer), "");
  EXPECT_EQ(problem(R"({"a": -5})", integer), "");
  for (const char* bad : {R"({"a": 6})", R"({"a": -6})", R"({"a": 2.0})", R"({"a": 18446744073709551615})", R"({"a": true})",
                          R"({"a": null})", R"({"a": "5"})"})
    EXPECT_NE(problem(bad, integer), "") << bad;
  const auto text = [](const auto& root) { (void)root.text("a", 2, 3); };
  EXPECT_EQ(problem(R"({"a": "xyz"})", text), "");
  for (const char* bad : {R"({"a": "x"})", R"({"a": "wxyz"})", R"({"a": "a\u0000b"})", R"({"a": "a\nb"})", R"({"a": 12})"})
    EXPECT_NE(problem(bad, text), "") << bad;
  const auto number = [](const auto& root) { (void)root.number("a", 0.5, 2); };
  EXPECT_EQ(problem(R"({"a": 1})", number), "");
  EXPECT_NE(problem(R"({"a": 1e999})", number), "");
  EXPECT_NE(problem(R"({"a": 0.4})", number), "");
  const auto hex = [](const auto& root) { (void)root.hex("a", 2); };
  EXPECT_EQ(problem(R"({"a": "Ab01"})", hex), "");
  for (const char* bad : {R"({"a": "ab0"})", R"({"a": "ab0102"})", R"({"a": "zz00"})"}) EXPECT_NE(problem(bad, hex), "") << bad;
}

TEST(StrictJson, optional_getters_fall_back_only_when_the_key_is_absent) {
  const auto document = StrictJson::parse("f.json", R"({"n": 3, "w": "two", "f": true, "s": "x", "l": [1, 2], "t": ["a"]})");
  ASSERT_TRUE(document);
  const auto root = document->root();
  static constexpr std::string_view kWords[] = {"one", "two"};
  EXPECT_EQ(root.integer_or("n", 0, 9, 7), 3);
  EXPECT_EQ(root.integer_or("m", 0, 9, 7), 7);
  EXPECT_EQ(root.choice("w", kWords), 1u);
  EXPECT_EQ(root.choice_or("v", kWords, 0), 0u);
  EXPECT_TRUE(root.flag("f"));
  EXPECT_FALSE(root.flag_or("g", false));
  EXPECT_EQ(root.text_or("s", "y"), "x");
  EXPECT_EQ(root.text_if("z"), std::nullopt);
  EXPECT_FALSE(root.object_if("o"));
  EXPECT_EQ(root.integers("l", 1, 2, 0, 5), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(root.texts("t", 0, 1), std::vector<std::string>{"a"});
  EXPECT_EQ(root.keys().size(), 6u);
  EXPECT_TRUE(document->finish());
  (void)root.integer_or("s", 0, 9, 7);
  EXPECT_FALSE(document->finish()) << "present but of the wrong type";
}

TEST(StrictJson, takes_addresses_apart) {
  EXPECT_EQ(net::parse_host_port("192.0.2.1:7401"), (net::HostPort{"192.0.2.1", 7401}));
  EXPECT_EQ(net::parse_host_port("[2001:db8::1]:1"), (net::HostPort{"2001:db8::1", 1}));
  EXPECT_EQ(net::parse_host_port("signer-1.example:65535"), (net::HostPort{"signer-1.example", 65535}));
  for (const char* bad : {"", ":1", "host", "host:", "host:0", "host:65536", "host:1x", "host:-1", "host: 1", "2001:db8::1:7401",
                          "[::1]", "[]:1", "[::1:1", "::1]:1", "ho st:1", "[host]:1", "host:01"})
    EXPECT_EQ(net::parse_host_port(bad), std::nullopt) << bad;
}

class ProviderJson : public testing::Test {
 protected:
  std::string with(const std::string& key, const std::string& value) {
    std::string text = base_;
    const auto at = text.find("@" + key + "@");
    text.replace(at, key.size() + 2, value);
    return finish(text);
  }
  std::string finish(std::string text) {
    for (auto at = text.find('@'); at != std::string::npos; at = text.find('@')) {
      const auto end = text.find('@', at + 1);
      const std::string key = text.substr(at + 1, end - at - 1);
      text.replace(at, end - at + 1, key == "cluster" ? "\"c\"" : key == "id" ? "2" : key == "address" ? "\"h:2\"" :
                                     key == "identity" ? "\"" + std::string(64, 'b') + "\"" : key == "deadline" ? "200" : "");
    }
    return text;
  }
  std::string error(const std::string& text) {
    auto config = provider::parse_config("p.json", text, "/etc/quorate");
    return config ? "" : config.error();
  }
  std::string base_ = R"({"cluster": @cluster@, "signers": [
    {"id": @id@, "address": @address@, "identity": @identity@},
    {"id": 1, "address": "[::1]:1", "identity": ")" + std::string(64, 'a') + R"("}],
    "tls": {"certificate": "c.crt", "key": "/k/c.key", "ca": "ca.crt"}, "deadline_ms": @deadline@@more@})";
};

TEST_F(ProviderJson, is_read_whole) {
  const auto config = provider::parse_config("p.json", finish(base_), "/etc/quorate");
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->cluster, "c");
  ASSERT_EQ(config->signers.size(), 2u);
  EXPECT_EQ(config->signers[0].id, 1);
  EXPECT_EQ(config->signers[0].host, "::1");
  EXPECT_EQ(config->signers[1].port, 2);
  EXPECT_EQ(config->certificate, "/etc/quorate/c.crt");
  EXPECT_EQ(config->key, "/k/c.key");
  EXPECT_EQ(config->deadline.count(), 200);
  EXPECT_FALSE(config->thread_at_fork);
  EXPECT_FALSE(config->log_file);
  EXPECT_FALSE(config->evidence);
  EXPECT_EQ(provider::parse_config("p.json", with("more", R"(, "evidence": "kept")"), "/etc")->evidence, "/etc/kept");
  EXPECT_TRUE(provider::parse_config("p.json", with("more", R"(, "io_thread": "at-fork")"), "/etc")->thread_at_fork);
  EXPECT_EQ(config->unavailable, provider::Unavailable::Retry);
  EXPECT_EQ(config->back_off.count(), 50);
  const auto policy = [&](const std::string& value) {
    return provider::parse_config("p.json", with("more", R"(, "back_off_ms": 20, "unavailable": ")" + value + '"'), "/etc");
  };
  EXPECT_EQ(policy("retry")->unavailable, provider::Unavailable::Retry);
  EXPECT_EQ(policy("fail")->unavailable, provider::Unavailable::Fail);
  EXPECT_EQ(policy("decline")->unavailable, provider::Unavailable::Decline);
  EXPECT_EQ(policy("decline")->back_off.count(), 20);
}

TEST_F(ProviderJson, names_every_problem) {
  EXPECT_EQ(error(with("more", R"(, "deadline": 1)")),
            "p.json: deadline: unknown key (known: back_off_ms, cluster, coordinators, deadline_ms, evidence, io_thread, log, mode, "
            "signers, tls, unavailable)");
  EXPECT_NE(error(with("cluster", "\"a b\"")).find("cluster: expected a name"), std::string::npos);
  EXPECT_NE(error(with("id", "1")).find("signers[1].id: is given twice"), std::string::npos);
  EXPECT_NE(error(with("id", "17")).find("signers[0].id: expected a whole number of 1..16, found 17"), std::string::npos);
  EXPECT_NE(error(with("address", "\"[::1]:1\"")).find("address: is given twice"), std::string::npos);
  EXPECT_NE(error(with("address", "\"h\"")).find("signers[0].address: expected \"host:port\""), std::string::npos);
  EXPECT_NE(error(with("identity", "\"" + std::string(64, 'a') + "\"")).find("identity: is given twice"), std::string::npos);
  EXPECT_NE(error(with("identity", "\"ab\"")).find("identity: expected 64 hexadecimal digits"), std::string::npos);
  EXPECT_NE(error(with("deadline", "0")).find("deadline_ms: expected a whole number of 1..60000"), std::string::npos);
  EXPECT_NE(error(with("more", R"(, "io_thread": "always")")).find("io_thread: expected one of \"lazy\""), std::string::npos);
  EXPECT_NE(error(with("more", R"(, "unavailable": "fallback")")).find("unavailable: expected one of \"retry\""), std::string::npos);
  EXPECT_NE(error(with("more", R"(, "unavailable": true)")).find("unavailable: expected"), std::string::npos);
  EXPECT_NE(error(with("more", R"(, "back_off_ms": 0)")).find("back_off_ms: expected a whole number of 1..1000"), std::string::npos);
  EXPECT_NE(error(with("more", R"(, "log": {"level": "loud"})")).find("log.level: expected one of \"error\""),
            std::string::npos);
}

TEST_F(ProviderJson, names_signers_or_coordinators_and_not_both) {
  const auto tier = [](const std::string& rest) {
    return R"({"cluster": "c", "tls": {"certificate": "c", "key": "k", "ca": "a"}, )" + rest + "}";
  };
  const std::string one = R"({"name": "c1", "address": "h:1"})";
  auto config = provider::parse_config("p.json", tier(R"("mode": "tier", "coordinators": [)" + one + R"(, {"name": "c2", "address": "[::1]:2"}])"), "/etc");
  ASSERT_TRUE(config) << config.error();
  EXPECT_TRUE(config->tier);
  EXPECT_TRUE(config->signers.empty());
  ASSERT_EQ(config->coordinators.size(), 2u);
  EXPECT_EQ(config->coordinators[1].name, "c2");
  EXPECT_EQ(config->coordinators[1].host, "::1");
  EXPECT_EQ(config->coordinators[1].port, 2);
  EXPECT_FALSE(provider::parse_config("p.json", finish(base_), "/etc")->tier);

  const auto says = [&](const std::string& text, const std::string& what) {
    const auto found = error(text);
    EXPECT_NE(found.find(what), std::string::npos) << found;
  };
  says(with("more", R"(, "mode": "tier")"), "signers: is for mode \"direct\"");
  says(with("more", R"(, "coordinators": [)" + one + "]"), "coordinators: needs \"mode\": \"tier\"");
  says(tier(R"("mode": "tier")"), "coordinators: is missing");
  says(tier(R"("mode": "both")"), "mode: expected one of \"direct\"");
  says(tier(R"("mode": "tier", "coordinators": [])"), "coordinators: expected an array of 1..64");
  says(tier(R"("mode": "tier", "coordinators": [)" + one + ", " + one + "]"), "coordinators[1].name: is given twice");
  says(tier(R"("mode": "tier", "coordinators": [{"name": "c/1", "address": "h:1"}])"), "coordinators[0].name: expected a name");
}

TEST_F(ProviderJson, fingerprint_follows_every_file_that_is_read) {
  const TempDir dir;
  const TestKey key;
  const std::string path = write_config(dir, key);
  const auto fingerprint = [&] { return provider::load_config(path)->fingerprint; };
  const auto first = fingerprint();
  EXPECT_EQ(fingerprint(), first);
  for (const char* name : {"frontend.crt", "frontend.key", "ca.crt", "provider.json"}) {
    const std::string before = dir.read(name);
    dir.write(name, before + "\n");
    EXPECT_NE(fingerprint(), first) << name;
    dir.write(name, before);
    EXPECT_EQ(fingerprint(), first);
  }
}

TEST_F(ProviderJson, warns_of_a_private_key_everybody_can_read) {
  const TempDir dir;
  const TestKey key;
  const std::string path = write_config(dir, key);
  EXPECT_TRUE(provider::load_config(path)->warnings.empty());
  dir.write("frontend.key", key.private_pem(), 0644);
  EXPECT_EQ(provider::load_config(path)->warnings.size(), 1u);
  std::filesystem::remove(dir.path("ca.crt"));
  EXPECT_NE(provider::load_config(path).error().find("tls.ca: "), std::string::npos);
  std::filesystem::create_directory(dir.path("ca.crt"));
  EXPECT_NE(provider::load_config(path).error().find("is not a file"), std::string::npos);
}

TEST(Log, limits_repeated_lines_and_keeps_them_one_line) {
  const TempDir dir;
  {
    auto log = provider::Log::to_file(dir.path("x.log"), provider::LogLevel::Warning);
    ASSERT_TRUE(log);
    (*log)->write(provider::LogLevel::Info, "too quiet");
    (*log)->write(provider::LogLevel::Error, "two\nlines");
    for (int i = 0; i < 50; ++i) (*log)->write_limited(provider::LogLevel::Warning, "same", "again");
    (*log)->write_limited(provider::LogLevel::Warning, "other", "else");
  }
  const std::string text = dir.read("x.log");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("error: two lines\n"), std::string::npos);
  EXPECT_EQ(text.find("too quiet"), std::string::npos);
  EXPECT_FALSE(provider::Log::to_file("/nonexistent/x.log", provider::LogLevel::Warning));
}

/// Whether a call comes back in every child that is forked while four threads make it all the time.
bool comes_back_in_children(const std::function<void()>& call) {
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (!enough) call();
    });
  int status = 0;
  for (int i = 0; i < 500 && status == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(10);
      call();
      _exit(0);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
  }
  enough = true;
  for (auto& thread : threads) thread.join();
  return status == 0;
}

TEST(Log, a_child_writes_whatever_its_parents_threads_wrote_when_it_was_forked) {
  const auto log = provider::Log::to_file("/dev/null", provider::LogLevel::Warning);
  ASSERT_TRUE(log);
  EXPECT_TRUE(comes_back_in_children([&] { (*log)->write_limited(provider::LogLevel::Warning, "same", "again"); }));
  EXPECT_TRUE(comes_back_in_children([&] { (*log)->write(provider::LogLevel::Warning, "again"); }));
}

}  // namespace
}  // namespace quorate::test
