// cachemodel: the demo: headings, paragraphs and tables on a terminal of 80 columns.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// Columns that UTF-8 `text` takes on a terminal: accents that combine take none, Chinese
/// characters and pictures take two.
std::size_t display_width(std::string_view text) noexcept;

/// "5,127".
std::string with_separators(std::uint64_t number);
/// Three digits and a unit: "4.12 µs", "37.1 ms".
std::string rounded(std::chrono::nanoseconds duration);
/// All digits, in the largest unit that needs no fraction: "1 ms", "1500 µs".
std::string exact(std::chrono::nanoseconds duration);
/// How many times longer `slow` took than `fast`: "52 ×".
std::string times(std::chrono::nanoseconds slow, std::chrono::nanoseconds fast);

enum class Look : std::uint8_t { plain, bold, faint, good, bad };

struct Cell {
    Cell(std::string text_, Look look_ = Look::plain) : text(std::move(text_)), look(look_) {}
    Cell(const char* text_, Look look_ = Look::plain) : text(text_), look(look_) {}

    std::string text;
    Look look;
};

struct Column {
    std::string title;
    enum class Align : std::uint8_t { left, right } align = Align::left;
};

struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;
};

/// Where the demo prints.
class Screen {
 public:
    static constexpr std::size_t width = 80;

    Screen(std::ostream& out, bool colour) : out_(out), colour_(colour) {}

    void title(std::string_view text);
    void heading(std::string_view text);
    /// Wraps at the width.
    void paragraph(std::string_view text);
    /// Shortens the widest left-aligned column where the table would be too wide. Columns without
    /// any title have no line for titles.
    void table(const Table& table);
    /// Printed as they are, indented.
    void lines(const std::vector<std::string>& lines);

 private:
    /// Prints an empty line, unless there is one already.
    void separate();
    std::string dressed(std::string_view text, Look look) const;

    std::ostream& out_;
    bool colour_;
    bool separated_ = true;
};

}  // namespace demo
