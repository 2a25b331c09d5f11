// cachemodel: the command line tool: what it prints, and how bytes look on a terminal.
// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include <cachemodel/detail/cbor.hpp>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "exit.hpp"

namespace cachemodel::tool {

namespace {

/// The first character of `text`, which is not empty, and its size; -1 for a byte that is none.
std::pair<std::int32_t, std::size_t> first_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < size || !detail::is_utf8(text.substr(0, size))) return {-1, 1};
    std::int32_t point = lead & (0x7f >> size);
    for (std::size_t i = 1; i < size; ++i) {
        point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
    }
    return {point, size};
}

/// Control characters of both kinds, line separators, and what changes the direction of text.
bool is_harmful(std::int32_t point) noexcept {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x061c ||
           (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string visible(std::string_view bytes, Shown how) {
    std::string out;
    out.reserve(bytes.size());
    std::array<char, 8> escape{};
    while (!bytes.empty()) {
        const auto [point, size] = first_character(bytes);
        const auto character = bytes.substr(0, size);
        bytes.remove_prefix(size);
        const bool is_layout = how >= Shown::text && (point == '\n' || point == '\t');
        if (how == Shown::line && point == '\\') {
            out += "\\\\";
        } else if (!is_harmful(point) || is_layout) {
            out += character;
        } else if (how == Shown::json) {
            std::snprintf(escape.data(), escape.size(), "\\u%04x",
                          static_cast<unsigned>(point < 0 ? 0xfffd : point));
            out += escape.data();
        } else {
            for (const char c : character) {
                std::snprintf(escape.data(), escape.size(), "\\x%02x",
                              static_cast<unsigned>(static_cast<unsigned char>(c)));
                out += escape.data();
            }
        }
    }
    return out;
}

std::optional<std::string> unescaped(std::string_view line) {
    std::string out;
    while (!line.empty()) {
        std::size_t taken = 1;
        char c = line.front();
        if (c == '\\') {
            if (line.starts_with("\\\\")) {
                taken = 2;
            } else {
                if (!line.starts_with("\\x") || line.size() < 4) return std::nullopt;
                const int high = hex_value(line[2]);
                const int low = hex_value(line[3]);
                if (high < 0 || low < 0) return std::nullopt;
                c = static_cast<char>(high * 16 + low);
                taken = 4;
            }
        }
        out += c;
        line.remove_prefix(taken);
    }
    return out;
}

Screen::Screen() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {
    const char* const no_color = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    const bool is_dumb = terminal == nullptr || std::string_view{terminal} == "dumb";
    is_coloured_ = is_terminal_ && !is_dumb && (no_color == nullptr || *no_color == '\0');
}

std::string Screen::dressed(std::string_view text, Look look) const {
    if (!is_coloured_ || look == Look::plain) return std::string{text};
    const char* const code = look == Look::faint ? "2" : look == Look::good ? "32" : "31";
    return std::string{"\033["}.append(code).append("m").append(text).append("\033[0m");
}

void Screen::write(std::string_view bytes) {
    constexpr std::size_t most = std::size_t{64} << 10;
    buffer_ += bytes;
    if (buffer_.size() >= most) flush();
}

void Screen::show(std::string_view text, Shown how) {
    write(is_terminal_ || how < Shown::text ? visible(text, how) : std::string{text});
}

void Screen::flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
        const auto written = ::write(STDOUT_FILENO, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            std::signal(SIGPIPE, SIG_DFL);
            std::raise(SIGPIPE);
        } else if (errno != EINTR) {
            const int error = errno;
            buffer_.clear();
            throw Problem{Exit::failed, "standard output cannot be written: " +
                                            std::generic_category().message(error)};
        }
    }
    buffer_.clear();
}

void Screen::complain(std::string_view message) {
    const std::string line = "cachemodel: " + visible(message, Shown::message) + '\n';
    flush();
    // In one piece; nobody could be told that it failed.
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

}  // namespace cachemodel::tool
