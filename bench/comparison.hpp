// cachemodel: candidates measured in turn, and compared by their medians.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "table.hpp"

namespace cachemodel::bench {

/// How long and how often is measured.
struct Settings {
    std::size_t rounds = 101;
    std::chrono::nanoseconds least_time = std::chrono::milliseconds{1};  ///< of a round, for each
    bool once = false;      ///< each candidate is called and checked, and nothing is printed
    std::string json = {};  ///< a file that takes the tables as well, for the page

    /// From `[--once] [--rounds NUMBER] [--json FILE]`. Errors: `std::invalid_argument`.
    static Settings from_arguments(int count, const char* const* arguments);
};

/// Several ways to the same end. They are measured in turn, round by round, in another order each
/// time: what else the machine does meanwhile is spread over all of them.
class Comparison {
 public:
    /// One way, and what is expected of it.
    class Candidate {
     public:
        /// It is to reach `speed` times the speed of the candidate `other`.
        Candidate& at_least(double speed, std::string other);
        /// It may take `time` times the time of the candidate `other`.
        Candidate& at_most(double time, std::string other);
        Candidate& at_most(std::chrono::nanoseconds time);

     private:
        friend Comparison;

        struct Expectation {
            bool of_speed = false;
            double bound = 0;
            std::string other = {};  ///< none: the bound is in nanoseconds
        };

        Candidate(std::string name, std::size_t units,
                  std::function<void(std::size_t times)> repeat, std::function<bool()> is_right)
            : name_(std::move(name)),
              units_(units),
              repeat_(std::move(repeat)),
              is_right_(std::move(is_right)) {}

        std::string name_;
        std::size_t units_;  ///< in a call
        std::function<void(std::size_t times)> repeat_;
        std::function<bool()> is_right_;
        std::vector<Expectation> expectations_;
        std::size_t times_ = 1;       ///< calls in a round
        std::vector<double> rounds_;  ///< nanoseconds for a unit
    };

    explicit Comparison(std::string title) : title_(std::move(title)) {}

    /// Calls of `call` are measured; the first candidate is what the others are compared with.
    /// `is_right` says of what `call` gives whether it is as it should be: it is asked before and
    /// after each round, outside of the measured time. Times are those of one unit; a call on many
    /// keys has as many `units`.
    ///
    /// Lifetime: what is returned is valid until the next `add`.
    template <class IsRight, class Call>
    Candidate& add(std::string name, IsRight is_right, Call call, std::size_t units = 1) {
        auto repeat = [call](std::size_t times) {
            for (std::size_t i = 0; i < times; ++i) keep(call());
        };
        auto check = [call, is_right] { return is_right(call()); };
        candidates_.push_back(
            Candidate{std::move(name), units, std::move(repeat), std::move(check)});
        return candidates_.back();
    }

    /// As `add`, for a candidate that repeats itself, elsewhere, and throws where something is
    /// wrong: `repeat(times)`.
    Candidate& add_repeating(std::string name, std::size_t units,
                             std::function<void(std::size_t times)> repeat) {
        auto check = [repeat] { return repeat(1), true; };
        candidates_.push_back(
            Candidate{std::move(name), units, std::move(repeat), std::move(check)});
        return candidates_.back();
    }

    /// Measures. Errors: `std::runtime_error` where a candidate gave something wrong.
    void measure(const Settings& settings);

    /// Measures, and prints a table. Errors: as `measure`, and `std::invalid_argument` where an
    /// expectation names no candidate.
    void run(const Settings& settings);

    std::vector<std::string> names() const;
    /// Of each candidate, nanoseconds for a unit, once it has been measured.
    std::vector<double> medians() const;

 private:
    /// Makes the optimizer believe that `value` is used.
    template <class T>
    static void keep(const T& value) {
        asm volatile("" : : "r"(&value) : "memory");
    }
    void check(const Candidate& candidate) const;
    void measure_round(Candidate& candidate) const;
    Table table() const;
    std::size_t position_of(const std::string& name) const;

    std::string title_;
    std::vector<Candidate> candidates_;
};

/// What calls cost as something grows: the medians of a comparison at each size.
class Growth {
 public:
    /// `size` says what grows, and in what unit: "payload, bytes".
    Growth(std::string title, std::string size)
        : title_(std::move(title)), size_(std::move(size)) {}

    /// The comparisons have the same candidates at all sizes.
    void measure(std::size_t size, Comparison& comparison, const Settings& settings);

    /// Prints a table, which the page also plots.
    void print(const Settings& settings) const;

 private:
    std::string title_;
    std::string size_;
    std::vector<std::string> names_;
    std::vector<std::pair<std::size_t, std::vector<double>>> medians_;
};

/// What stands above all tables: how the program was built, and how busy the machine is.
void print_circumstances(const Settings& settings);

/// Prints the table, unless everything is done only once, and hands it on to the page.
///
/// Errors: `std::runtime_error` where the file cannot be written.
void print(const Table& table, const Settings& settings);

}  // namespace cachemodel::bench
