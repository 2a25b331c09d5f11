// cachemodel: the demo: headings, paragraphs and tables on a terminal of 80 columns.
// SPDX-License-Identifier: MIT
#include "demo/screen.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>
#include <utility>

namespace demo {

namespace {

constexpr std::size_t gap = 2;     // between columns
constexpr std::size_t indent = 2;  // before every line but headings

struct Range {
    char32_t first;
    char32_t last;
};

// What the names in iso-codes and the demo itself can contain, and its neighbourhood.
constexpr std::array zero_width{Range{0x0300, 0x036f}, Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff},
                                Range{0x200b, 0x200f}, Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f},
                                Range{0xfe20, 0xfe2f}};
constexpr std::array double_width{
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},  Range{0x3041, 0xa4cf}, Range{0xac00, 0xd7a3},
    Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},  Range{0xff00, 0xff60}, Range{0xffe0, 0xffe6},
    Range{0x1f300, 0x1faff}, Range{0x20000, 0x3fffd}};

template <class Ranges>
bool contains(const Ranges& ranges, char32_t point) noexcept {
    return std::any_of(ranges.begin(), ranges.end(), [point](const Range& range) {
        return point >= range.first && point <= range.last;
    });
}

/// The first character of `text`, which is not empty, and the bytes it takes.
std::pair<char32_t, std::size_t> first_character(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 1 || text.size() < size) return {lead, 1};
    char32_t point = lead & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
    }
    return {point, size};
}

std::size_t character_width(char32_t point) noexcept {
    if (contains(zero_width, point)) return 0;
    return contains(double_width, point) ? 2 : 1;
}

/// `text`, cut with an ellipsis where it is wider than `width`.
std::string shortened(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string{text};
    std::size_t taken = 0;
    std::size_t columns = 0;
    while (taken < text.size()) {
        const auto [point, size] = first_character(text.substr(taken));
        if (columns + character_width(point) + 1 > width) break;
        columns += character_width(point);
        taken += size;
    }
    return std::string{text.substr(0, taken)} + "…";
}

std::string repeated(std::string_view text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
}

std::string formatted(double number, const char* unit) {
    std::array<char, 32> buffer{};
    const int decimals = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
    std::snprintf(buffer.data(), buffer.size(), "%.*f %s", decimals, number, unit);
    return buffer.data();
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto [point, size] = first_character(text);
        width += character_width(point);
        text.remove_prefix(size);
    }
    return width;
}

std::string with_separators(std::uint64_t number) {
    auto text = std::to_string(number);
    for (std::size_t place = text.size(); place > 3;) {
        place -= 3;
        text.insert(place, 1, ',');
    }
    return text;
}

std::string rounded(std::chrono::nanoseconds duration) {
    const auto nanoseconds = static_cast<double>(duration.count());
    if (nanoseconds < 1e3) return formatted(nanoseconds, "ns");
    if (nanoseconds < 1e6) return formatted(nanoseconds / 1e3, "µs");
    if (nanoseconds < 1e9) return formatted(nanoseconds / 1e6, "ms");
    return formatted(nanoseconds / 1e9, "s");
}

std::string exact(std::chrono::nanoseconds duration) {
    const auto count = duration.count();
    if (count % 1'000'000'000 == 0) return std::to_string(count / 1'000'000'000) + " s";
    if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + " ms";
    if (count % 1'000 == 0) return std::to_string(count / 1'000) + " µs";
    return std::to_string(count) + " ns";
}

std::string times(std::chrono::nanoseconds slow, std::chrono::nanoseconds fast) {
    const auto ratio = static_cast<double>(slow.count()) /
                       static_cast<double>(std::max<std::int64_t>(fast.count(), 1));
    if (ratio < 9.95) {
        std::array<char, 32> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "%.1f ×", ratio);
        return buffer.data();
    }
    return with_separators(static_cast<std::uint64_t>(ratio + 0.5)) + " ×";
}

void Screen::title(std::string_view text) {
    out_ << dressed(text, Look::bold) << '\n' << repeated("═", display_width(text)) << '\n';
    separated_ = false;
}

void Screen::heading(std::string_view text) {
    separate();
    out_ << dressed(text, Look::bold) << '\n';
    separated_ = false;
}

void Screen::paragraph(std::string_view text) {
    std::string line;
    const auto finish_line = [&] {
        out_ << std::string(indent, ' ') << line << '\n';
        line.clear();
    };
    while (!text.empty()) {
        const std::size_t space = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, space);
        if (!line.empty() && indent + display_width(line) + 1 + display_width(word) > width) {
            finish_line();
        }
        if (!line.empty()) line += ' ';
        line += word;
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    finish_line();
    separated_ = false;
    out_.flush();
}

void Screen::table(const Table& table) {
    const auto& columns = table.columns;
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        std::size_t widest = display_width(columns[i].title);
        for (const auto& row : table.rows) widest = std::max(widest, display_width(row[i].text));
        widths.push_back(widest);
    }
    const std::size_t between = indent + gap * (columns.size() - 1);
    const std::size_t total = std::accumulate(widths.begin(), widths.end(), between);
    if (total > width) {
        std::size_t widest = 0;
        for (std::size_t i = 1; i < columns.size(); ++i) {
            const bool left = columns[i].align == Column::Align::left;
            if (left && widths[i] > widths[widest]) widest = i;
        }
        widths[widest] -= std::min(total - width, widths[widest] - 1);
    }

    const auto print_row = [&](const std::vector<Cell>& cells) {
        std::string line(indent, ' ');
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const auto text = shortened(cells[i].text, widths[i]);
            const std::string padding(widths[i] - display_width(text), ' ');
            const bool right = columns[i].align == Column::Align::right;
            const bool last = i + 1 == cells.size();
            if (right) line += padding;
            line += dressed(text, cells[i].look);
            if (!right && !last) line += padding;
            if (!last) line += std::string(gap, ' ');
        }
        out_ << line << '\n';
    };

    std::vector<Cell> titles;
    for (const auto& column : columns) titles.emplace_back(column.title, Look::faint);
    const std::size_t rule =
        std::accumulate(widths.begin(), widths.end(), gap * (columns.size() - 1));
    separate();
    if (std::any_of(columns.begin(), columns.end(),
                    [](const Column& column) { return !column.title.empty(); })) {
        print_row(titles);
        out_ << std::string(indent, ' ') << dressed(repeated("─", rule), Look::faint) << '\n';
    }
    for (const auto& row : table.rows) print_row(row);
    separated_ = false;
    separate();
    out_.flush();
}

void Screen::lines(const std::vector<std::string>& lines) {
    separate();
    for (const auto& line : lines) out_ << std::string(indent + gap, ' ') << line << '\n';
    separated_ = false;
    separate();
}

void Screen::separate() {
    if (!separated_) out_ << '\n';
    separated_ = true;
}

std::string Screen::dressed(std::string_view text, Look look) const {
    if (!colour_ || look == Look::plain) return std::string{text};
    const char* code = look == Look::bold    ? "1"
                       : look == Look::faint ? "2"
                       : look == Look::good  ? "32"
                                             : "31";
    return std::string{"\033["}.append(code).append("m").append(text).append("\033[0m");
}

}  // namespace demo
