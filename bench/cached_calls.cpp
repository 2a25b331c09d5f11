// cachemodel: what a cached call costs, beside what a model of the same payload does.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "comparison.hpp"

namespace town {

using cachemodel::Field;
using cachemodel::Key;

const std::string address = "12 Long Acre, Upper Hamlet, GB";
constexpr int floor_number = 3;

/// The payload: a result of methods, and all but the key of a model.
struct Survey {
    std::string owner;
    std::string purpose;
    std::string remark;
    std::int64_t square_millimetres = 0;
    double latitude = 0;
    std::vector<std::string> rooms;

    bool operator==(const Survey&) const = default;
};

const Survey survey{
    .owner = "The Honourable Company of Clerks",
    .purpose = "storage of maps, 1780 to 1890",
    .remark = "The stairs are steep; bring a lamp and a second pair of eyes",
    .square_millimetres = 84'250'000,
    .latitude = 51.51279,
    .rooms = {"reading room", "archive", "workshop for bindings", "office of the curator"},
};
const std::string letter =
    "Dear Sirs, the maps that you asked for have been found behind the second shelf, where the "
    "damp "
    "has done them little harm. You are welcome to see them on any Thursday. Please bring your own "
    "lamps, sir.";

struct SurveyRecord {
    Key<std::string> address;
    Field<std::string> owner;
    Field<std::string> purpose;
    Field<std::string> remark;
    Field<std::int64_t> square_millimetres;
    Field<double> latitude;
    Field<std::vector<std::string>> rooms;

    bool operator==(const SurveyRecord&) const = default;
    void from_miss() {
        owner = survey.owner;
        purpose = survey.purpose;
        remark = survey.remark;
        square_millimetres = survey.square_millimetres;
        latitude = survey.latitude;
        rooms = survey.rooms;
    }
};
const SurveyRecord survey_record{
    .address = address,
    .owner = survey.owner,
    .purpose = survey.purpose,
    .remark = survey.remark,
    .square_millimetres = survey.square_millimetres,
    .latitude = survey.latitude,
    .rooms = survey.rooms,
};

struct LetterRecord {
    Key<std::string> address;
    Field<std::string> text;

    bool operator==(const LetterRecord&) const = default;
    void from_miss() { text = letter; }
};
const LetterRecord letter_record{.address = address, .text = letter};

struct House {
    std::string address;

    // Out of the optimizer's sight, and no work at all: what is measured is the way around them.
    [[gnu::noinline]] Survey surveyed(int) const { return survey; }
    [[gnu::noinline]] std::string letter_for(int) const { return letter; }
};
[[gnu::noinline]] Survey survey_of(std::string_view, int) { return survey; }
[[gnu::noinline]] std::string letter_to(std::string_view, int) { return letter; }

const House house{address};

}  // namespace town

namespace {

using namespace cachemodel;
using namespace town;

template <class T>
auto is_equal_to(const T& expected) {
    return [&expected](const T& given) { return given == expected; };
}

void require(bool as_the_table_says) {
    if (!as_the_table_says) throw std::runtime_error("hits were misses, or misses were hits");
}

template <auto cached_method, auto cached_function, class Record, class Result>
void measure_hits(const bench::Settings& settings, const std::string& payload, const Record& record,
                  const Result& result) {
    const ScopedCaches own_default;
    const Cache cache = Cache::open("memory://");
    const Models<Record> models{cache};
    const CachedMethod<cached_method, &House::address> method{cache};
    const CachedMethod<cached_method, &House::address> method_of_default;
    const CachedFunction<cached_function> function{cache};
    const auto is_record = is_equal_to(record);
    const auto is_result = is_equal_to(result);

    bench::Comparison hits{"hit on memory://, " + payload};
    hits.add("Models::get", is_record, [&] { return models.get(address); });
    hits.add("CacheModel::get, default cache", is_record,
             [] { return CacheModel<Record>::get(address); });
    hits.add("CachedMethod", is_result, [&] { return method(house, floor_number); });
    hits.add("CachedMethod, default cache", is_result,
             [&] { return method_of_default(house, floor_number); });
    hits.add("CachedFunction", is_result, [&] { return function(address, floor_number); });
    hits.add("the method itself", is_result, [] { return (house.*cached_method)(floor_number); });

    models.save(record);
    CacheModel<Record>{record}.save();
    method(house, floor_number);
    method_of_default(house, floor_number);
    function(address, floor_number);
    hits.run(settings);
    require(cache.statistics().loads == 2 && caches()["default"].statistics().loads == 1);
}

/// On a cache that takes no time itself.
template <auto cached_method, class Record, class Result>
void measure_misses(const bench::Settings& settings, const std::string& payload,
                    const Record& record, const Result& result) {
    const Cache cache = Cache::open("null://");
    const Models<Record> models{cache};
    const CachedMethod<cached_method, &House::address> method{cache};
    const auto is_result = is_equal_to(result);

    bench::Comparison misses{"miss on null://, " + payload};
    misses.add("Models::get, from_miss", is_equal_to(record), [&] { return models.get(address); });
    misses.add("CachedMethod", is_result, [&] { return method(house, floor_number); });
    misses.add("CachedMethod::bypass", is_result,
               [&] { return method.bypass(house, floor_number); });
    misses.add("the method itself", is_result, [] { return (house.*cached_method)(floor_number); });
    misses.run(settings);
    require(cache.statistics().hits == 0);
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const auto settings = bench::Settings::from_arguments(count, arguments);
        bench::print_circumstances(settings);
        const std::string six = "six members";
        const std::string text = "a text of 200 bytes";
        measure_hits<&House::surveyed, &survey_of>(settings, six, survey_record, survey);
        measure_hits<&House::letter_for, &letter_to>(settings, text, letter_record, letter);
        measure_misses<&House::surveyed>(settings, six, survey_record, survey);
        measure_misses<&House::letter_for>(settings, text, letter_record, letter);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
