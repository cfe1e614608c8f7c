#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace quorate::tools {

/// One certificate of one crt-list of a running HAProxy, taken off it and put back over the stats socket ("level
/// admin"). Its text formats are those of HAProxy 2.6's management guide. HAProxy keeps the certificate and the key of
/// a deleted entry in memory, so that nothing has to be read again when it is put back.
class HaproxyCrtList {
 public:
  /// `socket` of the stats socket, `list` and `certificate` exactly as HAProxy's configuration and the list have them.
  HaproxyCrtList(std::filesystem::path socket, std::string list, std::string certificate)
      : socket_(std::move(socket)), list_(std::move(list)), certificate_(std::move(certificate)) {}

  enum class Done { Nothing, Added, Deleted };
  /// Makes the running list hold the certificate's entries as the file has them, or none of them. What is so already
  /// is left alone, so that this can be called again and again, and heals a HAProxy that was reloaded.
  Result<Done, std::string> set(bool listed) const;

 private:
  [[nodiscard]] Result<std::string, std::string> ask(const std::string& command) const;
  Result<void, std::string> remove(const std::vector<std::string>& lines) const;

  std::filesystem::path socket_;
  std::string list_, certificate_;
};

/// Lines of a crt-list file that begin with this certificate, with options and filters, blanks made single.
std::vector<std::string> entries_of(std::string_view list_file, std::string_view certificate);
/// Line numbers of this certificate in the answer to "show ssl crt-list -n LIST".
std::vector<std::string> shown_lines_of(std::string_view answer, std::string_view certificate);

}  // namespace quorate::tools
