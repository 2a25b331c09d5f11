// cachemodel: figures in rows and columns, as people and as the page read them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::bench {

/// Figures of any kind. Times of calls make their own, from a `Comparison`.
class Table {
 public:
    /// A column's name has its unit: "median, ns".
    Table(std::string title, std::vector<std::string> columns)
        : title_(std::move(title)), columns_(std::move(columns)) {}

    /// A figure for each column.
    Table& add(std::string row, std::vector<double> figures);

    /// The rows' names are numbers: how much there is of `size`, such as "payload, bytes". The page
    /// plots all columns over them, as figures in `unit`.
    Table& plotted_over(std::string size, std::string unit);

    /// `what` was to reach `bound`, and reached `reached`, both in `unit`.
    Table& at_least(std::string what, double bound, double reached, std::string unit);
    Table& at_most(std::string what, double bound, double reached, std::string unit);

    std::string as_markdown() const;
    /// One line, for bench/page.
    std::string as_json() const;

 private:
    struct Row {
        std::string name;
        std::vector<double> figures;
    };
    struct Target {
        std::string what;
        const char* sense;
        double bound;
        double reached;
        std::string unit;
    };

    std::string title_;
    std::vector<std::string> columns_;
    std::vector<Row> rows_;
    std::string size_;
    std::string unit_;
    std::vector<Target> targets_;
};

/// As JSON has it, with quotes.
std::string quoted(std::string_view text);

}  // namespace cachemodel::bench
