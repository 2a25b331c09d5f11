// cachemodel: a value that is read is made empty first.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a value is made empty and then read: give its type a default constructor, or
// expect: its members default values
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Seat {
 public:
    explicit Seat(int number) : number_(number) {}
    int number() const { return number_; }

 private:
    int number_;
};

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.set("k", Seat{7});
#else
    cache.set("k", Seat{7}.number());
#endif
}
