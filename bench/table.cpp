// cachemodel: figures in rows and columns, as people and as the page read them.
// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <stdexcept>

namespace cachemodel::bench {

namespace {

std::string formatted(const char* format, double number) {
    char text[64];
    const int length = std::snprintf(text, sizeof text, format, number);
    return {text, static_cast<std::size_t>(length)};
}

/// Three digits that count, or all before the point.
std::string shown(double figure) {
    const double size = std::abs(figure);
    if (size > 0 && size < 1) return formatted("%.3g", figure);
    return formatted(size < 10 ? "%.2f" : size < 1000 ? "%.1f" : "%.0f", figure);
}

std::string as_json_number(double number) {
    return std::isfinite(number) ? formatted("%.9g", number) : "null";
}

/// The items between commas.
template <class Items, class Text>
std::string list(const Items& items, Text text) {
    std::string all;
    for (const auto& item : items) {
        if (!all.empty()) all += ", ";
        all += text(item);
    }
    return all;
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') json += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) json += c;
    }
    return json + '"';
}

Table& Table::add(std::string row, std::vector<double> figures) {
    if (figures.size() != columns_.size()) {
        throw std::invalid_argument(title_ + ": not a figure for each column in " + row);
    }
    rows_.push_back({std::move(row), std::move(figures)});
    return *this;
}

Table& Table::plotted_over(std::string size, std::string unit) {
    size_ = std::move(size);
    unit_ = std::move(unit);
    return *this;
}

Table& Table::at_least(std::string what, double bound, double reached, std::string unit) {
    targets_.push_back({std::move(what), "at_least", bound, reached, std::move(unit)});
    return *this;
}

Table& Table::at_most(std::string what, double bound, double reached, std::string unit) {
    targets_.push_back({std::move(what), "at_most", bound, reached, std::move(unit)});
    return *this;
}

std::string Table::as_markdown() const {
    std::string text;
    std::vector<std::vector<std::string>> lines{
        {size_.empty() ? title_ : title_ + " (" + size_ + ')'}};
    lines.front().insert(lines.front().end(), columns_.begin(), columns_.end());
    for (const auto& row : rows_) {
        auto& line = lines.emplace_back(std::vector<std::string>{row.name});
        for (const double figure : row.figures) line.push_back(shown(figure));
    }
    std::vector<std::size_t> widths(columns_.size() + 1, 3);
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            widths[i] = std::max(widths[i], line[i].size());
        }
    }
    for (std::size_t number = 0; number < lines.size(); ++number) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            const auto& cell = lines[number][i];
            const std::string space(widths[i] - cell.size(), ' ');
            text += i == 0 ? "| " + cell + space : " | " + space + cell;
        }
        text += " |\n";
        if (number > 0) continue;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            const std::string dashes(widths[i], '-');
            text += i == 0 ? "|:" + dashes + '-' : "|-" + dashes + ':';
        }
        text += "|\n";
    }
    for (const auto& [what, sense, bound, reached, unit] : targets_) {
        text += "\n* " + what + ": " + shown(reached) + ' ' + unit + ", " +
                (sense == std::string_view{"at_least"} ? "at least " : "at most ") + shown(bound) +
                " expected\n";
    }
    return text;
}

std::string Table::as_json() const {
    std::string json = "{\"title\": " + quoted(title_);
    json += ", \"columns\": [" + list(columns_, quoted) + "], \"rows\": [";
    json += list(rows_, [](const Row& row) {
        return "{\"name\": " + quoted(row.name) + ", \"figures\": [" +
               list(row.figures, as_json_number) + "]}";
    });
    json += ']';
    if (!size_.empty()) {
        json += ", \"plot\": {\"over\": " + quoted(size_) + ", \"unit\": " + quoted(unit_) + '}';
    }
    json += ", \"targets\": [";
    json += list(targets_, [](const Target& target) {
        return "{\"what\": " + quoted(target.what) + ", " + quoted(target.sense) + ": " +
               as_json_number(target.bound) + ", \"reached\": " + as_json_number(target.reached) +
               ", \"unit\": " + quoted(target.unit) + '}';
    });
    return json + "]}";
}

}  // namespace cachemodel::bench
