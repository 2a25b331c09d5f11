// cachemodel: the soak: what was done, and what came back.
// SPDX-License-Identifier: MIT
#include "soak/tally.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cachemodel::soak {

namespace {

constexpr std::array<std::string_view, operations> names{
    "notes.get",
    "notes.get_many",
    "notes.exists",
    "notes.save",
    "notes.save_many",
    "notes.remove",
    "notes.remove_many",
    "notes.touch",
    "notes.update",
    "notes.save_if_unchanged",
    "accounts.get",
    "accounts.find",
    "accounts.get_many",
    "accounts.remove",
    "orders.get",
    "orders.get_many",
    "orders.remove",
    "parcels.get",
    "parcels.get_many",
    "parcels.remove",
    "members.find_by",
    "members.get_many_by",
    "members.remove",
    "products.get",
    "products.get_many",
    "products.get_or_create",
    "products.remove",
    "prices.get",
    "prices.get_many",
    "prices.refresh_from",
    "prices.refresh_from_many",
    "rates.find",
    "rates.get_many",
    "quote()",
    "quote.peek",
    "quote.prefetch",
    "quote.invalidate",
    "quote.refresh",
    "offers.get_or_set",
    "offers.erase",
};
static_assert(!names.back().empty(), "each operation has a name");

/// Who calls so often, and finds nothing, has tested nothing.
constexpr std::uint64_t often = 1000;

constexpr double bins_per_doubling = 4;

template <class... Values>
std::string line_of(const char* format, const Values&... values) {
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(), format, values...);
    return text.data();
}

}  // namespace

void Tally::call(Operation operation, std::chrono::nanoseconds took) noexcept {
    auto& line = lines_[static_cast<std::size_t>(operation)];
    ++line.calls;
    const auto microseconds = std::max(1.0, static_cast<double>(took.count()) / 1000);
    const auto bin = static_cast<std::size_t>(std::log2(microseconds) * bins_per_doubling);
    ++line.times[std::min(bin, bins - 1)];
    auto slowest = line.slowest.load();
    while (took.count() > slowest && !line.slowest.compare_exchange_weak(slowest, took.count())) {
    }
}

void Tally::answer(Operation operation, Answer answer) noexcept {
    auto& line = lines_[static_cast<std::size_t>(operation)];
    ++line.answers[static_cast<std::size_t>(answer)];
}

void Tally::wrong(Operation operation, std::string_view why) noexcept {
    answer(operation, Answer::wrong);
    const auto place = reasons_.fetch_add(1);
    if (place >= kept_reasons) return;
    why.copy(reason_[place].data(), longest_reason - 1);
}

std::string_view Tally::name_of(Operation operation) noexcept {
    return names[static_cast<std::size_t>(operation)];
}

std::uint64_t Tally::wrong_answers() const noexcept {
    std::uint64_t all = 0;
    for (const auto& line : lines_) all += line.answers[static_cast<std::size_t>(Answer::wrong)];
    return all;
}

std::vector<std::string_view> Tally::without_finds() const {
    std::vector<std::string_view> those;
    for (std::size_t i = 0; i < operations; ++i) {
        const auto found = lines_[i].answers[static_cast<std::size_t>(Answer::found)].load();
        if (lines_[i].calls > often && found == 0) those.push_back(names[i]);
    }
    return those;
}

double Tally::milliseconds_at(const Line& line, double share) {
    const auto rank = static_cast<double>(line.calls.load()) * share;
    double seen = 0;
    std::size_t bin = 0;
    for (; bin < bins - 1; ++bin) {
        seen += static_cast<double>(line.times[bin].load());
        if (seen >= rank) break;
    }
    return std::exp2(static_cast<double>(bin + 1) / bins_per_doubling) / 1000;
}

std::string Tally::report() const {
    std::string text = line_of("%-24s %10s %10s %10s %10s %8s %8s %10s\n", "operation", "calls",
                               "found", "absent", "failed", "WRONG", "p99 ms", "slowest ms");
    for (std::size_t i = 0; i < operations; ++i) {
        const auto& line = lines_[i];
        const auto count = [&](Answer answer) {
            return static_cast<unsigned long long>(line.answers[static_cast<std::size_t>(answer)]);
        };
        text += line_of("%-24s %10llu %10llu %10llu %10llu %8llu %8.1f %10.1f\n", names[i].data(),
                        static_cast<unsigned long long>(line.calls), count(Answer::found),
                        count(Answer::absent), count(Answer::failed), count(Answer::wrong),
                        milliseconds_at(line, 0.99),
                        static_cast<double>(line.slowest.load()) / 1'000'000);
    }
    const auto reasons = std::min(reasons_.load(), kept_reasons);
    if (reasons != 0) text += "\nThe first wrong answers:\n";
    for (std::size_t i = 0; i < reasons; ++i) text.append("  ").append(reason_[i].data()) += '\n';
    return text;
}

}  // namespace cachemodel::soak
