#include <CLI/CLI.hpp>
#include <cstdio>

#include "signerd/coordinator_server.h"

int main(int argc, char** argv) {
  CLI::App app{"coordinatord: asks the signers of a Quorate cluster on behalf of front ends. Holds no share and no\n"
               "state: run several, front ends go to another one when one does not answer.",
               "coordinatord"};
  std::string config_path;
  bool check = false;
  app.add_option("-c,--config", config_path, "coordinatord.json")->required()->option_text("FILE");
  app.add_flag("-t,--test", check, "read and check the configuration and its files, then exit");
  app.footer("Logs go to standard error, one line of JSON an event. SIGTERM and SIGINT: finishes what is in flight, takes\n"
             "nothing new and ends. Exit status: 0 after a clean stop, 1 if it cannot start, 2 for a wrong command line.");
  app.set_version_flag("--version", QUORATE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto config = quorate::signerd::load_coordinator_config(config_path);
  if (!config) {
    std::fprintf(stderr, "coordinatord: %s\n", config.error().c_str());
    return 1;
  }
  if (check) {
    std::printf("%s: good; coordinator %s of cluster %s, %zu signers, %zu keys\n", config_path.c_str(),
                config->tls.self().name.c_str(), config->cluster.c_str(), config->signers.size(), config->keys.size());
    return 0;
  }
  auto server = quorate::signerd::CoordinatorServer::start(std::move(config).value());
  if (!server) {
    std::fprintf(stderr, "coordinatord: %s\n", server.error().c_str());
    return 1;
  }
  try {
    (*server)->run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "coordinatord: %s\n", error.what());
    return 1;
  }
}
