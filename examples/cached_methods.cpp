// cachemodel example: methods, functions and forms whose results are kept.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <numeric>

using namespace cachemodel;
using namespace std::chrono_literals;

// [class]
struct Coordinates {
    double latitude = 0;
    double longitude = 0;
};
enum class Unit { km, miles };

struct Home {
    std::string address;
    int floor = 0;

    Coordinates geocode() const;                         // slow
    double distance(std::string city, Unit unit) const;  // slow, too
};
// [/class]

// [method]
const CachedMethod<&Home::geocode, &Home::address> geocode{{.expires = 15min}};
const CachedMethod<&Home::distance, &Home::address> distance;
// [/method]

Coordinates Home::geocode() const {
    std::cout << "(where is " << address << "?) ";
    return {45.5, 9.25};
}

double Home::distance(std::string city, Unit unit) const {
    std::cout << "(how far is it to " << city << "?) ";
    return unit == Unit::km ? 480 : 298;
}

// [in_class]
class Report {
 public:
    explicit Report(std::vector<int> figures) : figures_(std::move(figures)) {}

 private:
    int compute_sum() const { return std::accumulate(figures_.begin(), figures_.end(), 0); }

    std::vector<int> figures_;

 public:  // behind what it names, which may be private
    static inline const CachedMethod<&Report::compute_sum, &Report::figures_> sum{
        {.expires = 1h, .name = "Report::sum"}};
};
// [/in_class]

// [declared]
template <>
inline constexpr bool cachemodel::declared_self_contained<Report> = true;  // it owns its figures

static_assert(SelfContained<Report> && SelfContained<Home>);
// [/declared]

// [constant]
constexpr CallOptions<Coordinates> lenient{
    .expires = 15min, .stale_if_error = 1h, .name = "lenient"};
const CachedMethod<&Home::geocode, &Home::address> geocode_leniently{lenient};
// [/constant]

// [polymorphic]
struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual double size() const = 0;  // all that an area depends on
};
struct Circle : Shape {
    double radius = 1;
    double area() const override { return 3 * radius * radius; }
    double size() const override { return radius; }
};
struct Square : Shape {
    double side = 1;
    double area() const override { return side * side; }
    double size() const override { return side; }
};

const CachedMethod<&Shape::area, &Shape::size> area;
// [/polymorphic]

// [function]
double ask_rate(std::string from, std::string to, std::chrono::sys_days day);  // slow

const CachedFunction<&ask_rate> rate{{.expires = 24h, .name = "rate"}};
const CachedFunction<[](int n) { return n * n; }> square{{.name = "square"}};
// [/function]

double ask_rate(std::string from, std::string to, std::chrono::sys_days) {
    std::cout << "(asking the bank) ";
    return from == "EUR" && to == "USD" ? 1.125 : 1;
}

// [overloads]
int twice(int n) { return n + n; }
std::string twice(const std::string& text) { return text + text; }
template <class T>
T root(T of) {
    return std::sqrt(of);
}

const CachedFunction<static_cast<int (*)(int)>(&twice)> twice_a_number;
const CachedFunction<&root<double>> square_root;
// [/overloads]

// [unless]
std::optional<int> age_of(std::string name) {
    if (name == "Ada") return 36;
    return std::nullopt;
}

const CachedFunction<&age_of> age{{.unless = [](const std::optional<int>& years) {
    return !years;  // who is unknown today is asked for again
}}};
// [/unless]

// [form]
struct Search {
    std::string text;  // as it was typed
    std::string pages;

    struct Cleaned {
        std::string text;
        int pages = 0;
    };

    bool is_valid() const { return std::all_of(pages.begin(), pages.end(), is_digit); }
    Cleaned cleaned_data() const {
        Cleaned cleaned{.text = text, .pages = pages.empty() ? 10 : std::stoi(pages)};
        for (char& c : cleaned.text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        return cleaned;
    }

    std::vector<std::string> titles() const {  // slow
        std::cout << "(searching) ";
        return {"Emma", "Persuasion"};
    }

 private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
};

const CachedFormMethod<&Search::titles> titles{{.expires = 15min}};
// [/form]

int main() {
    // [call]
    const Home shop{.address = "Via Roma 1", .floor = 0};
    const Home flat{.address = "Via Roma 1", .floor = 3};
    std::cout << geocode(shop).latitude << '\n';
    std::cout << geocode(flat).latitude << '\n';  // the same address: nothing runs

    std::cout << distance(shop, "Rome", Unit::km) << '\n';
    std::cout << distance(shop, "Rome", Unit::miles) << '\n';
    std::cout << distance(flat, "Rome", Unit::km) << '\n';
    // [/call]

    // [key]
    std::cout << geocode.key_for(shop) << '\n';
    std::cout << distance.key_for(shop, "Rome", Unit::km) << '\n';
    // [/key]

    // [verbs]
    const auto known = geocode.peek(flat);  // runs nothing
    std::cout << known.found() << '\n';
    std::cout << geocode.refresh(flat).latitude << '\n';  // runs, and stores
    std::cout << geocode.bypass(flat).latitude << '\n';   // runs, and stores nothing
    geocode.invalidate(flat);                             // the result is gone
    std::cout << geocode.peek(flat).found() << '\n';      // and now there is none
    // [/verbs]

    // [prefetch]
    const std::vector<Home> homes{{"Via Roma 1"}, {"Via Po 7"}, {"Via Roma 1"}};
    for (const auto& coordinates : geocode.prefetch(homes)) {
        std::cout << coordinates->latitude << '\n';
    }
    // [/prefetch]

    // [statistics]
    const auto counted = geocode.statistics();
    std::cout << counted.hits << " hits, " << counted.loads << " runs, " << counted.stores
              << " stored\n";
    // [/statistics]

    // [cache]
    const Cache cache = Cache::open("memory://");
    const CachedMethod<&Home::geocode, &Home::address> geocode_there{cache, {.expires = 15min}};
    std::cout << geocode_there(shop).latitude << '\n';
    // [/cache]

    std::cout << Report::sum(Report{{1, 2, 3}}) << '\n';

    // [shapes]
    Circle circle;
    Square plate;
    circle.radius = plate.side = 2;
    std::cout << area(circle) << ' ' << area(plate) << '\n';
    std::cout << area.key_for(circle) << '\n';
    // [/shapes]

    // [rates]
    using namespace std::chrono;
    std::cout << rate("EUR", "USD", sys_days{2026y / May / 4}) << '\n';
    std::cout << rate("EUR", "USD", sys_days{2026y / May / 4}) << '\n';
    std::cout << rate.key_for("EUR", "USD", sys_days{2026y / May / 4}) << '\n';
    std::cout << square(12) << ' ' << square.key_for(12) << '\n';
    for (const auto& result : square.prefetch({3, 4})) std::cout << *result << '\n';
    // [/rates]

    std::cout << twice_a_number(4) << ' ' << twice_a_number.key_for(4) << '\n';
    std::cout << square_root(4) << ' ' << square_root.key_for(4) << '\n';

    // [nan]
    try {
        (void)square_root(std::numeric_limits<double>::quiet_NaN());
    } catch (const InvalidKey& error) {
        std::cout << error.what() << '\n';
    }
    // [/nan]

    std::cout << age("Ada").value_or(0) << ' ' << age("Bob").value_or(0) << '\n';
    std::cout << age.peek("Bob").found() << ' ' << age.statistics().kept_out << '\n';

    // [search]
    std::cout << titles(Search{"Jane Austen", ""}).size() << '\n';
    std::cout << titles(Search{"jane austen", "10"}).size() << '\n';  // cleaned, the same
    std::cout << titles.key_for(Search{"JANE AUSTEN", ""}) << '\n';
    try {
        (void)titles(Search{"Jane Austen", "ten"});
    } catch (const InvalidForm& error) {
        std::cout << error.what() << '\n';
    }
    // [/search]
}
