// cachemodel: the command line tool: what it prints, and how bytes look on a terminal.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::tool {

/// Which bytes stay as they are. What does not, could move a terminal's cursor, change its colours
/// or turn its text around, or is not UTF-8.
enum class Shown : std::uint8_t {
    line,  ///< one line: control characters are `\xNN`, a backslash is two; `unescaped` undoes it
    message,  ///< one line, in which backslashes stay
    text,     ///< line feeds, tabs and backslashes stay
    json,     ///< a JSON document: `\uNNNN`, which its strings may hold
};

std::string visible(std::string_view bytes, Shown how);

/// What `visible` made one line of; nothing where it cannot have made this.
std::optional<std::string> unescaped(std::string_view line);

enum class Look : std::uint8_t { plain, faint, good, bad };

/// Standard output, and messages on standard error.
class Screen {
 public:
    Screen();

    bool is_terminal() const noexcept { return is_terminal_; }
    std::string dressed(std::string_view text, Look look) const;

    /// Bytes as they are. Where the reader has gone, the program ends as by SIGPIPE.
    ///
    /// Errors: `Problem` with `Exit::failed`.
    void write(std::string_view bytes);
    /// Text, or a JSON document, as it may stand where this leads.
    void show(std::string_view text, Shown how);
    void flush();

    /// A line on standard error, after what was printed before it.
    void complain(std::string_view message);

 private:
    bool is_terminal_;
    bool is_coloured_;
    std::string buffer_;
};

}  // namespace cachemodel::tool
