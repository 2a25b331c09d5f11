// cachemodel: a class that nothing can take apart is no value for a cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a value of this type cannot be cached: use numbers, bool, enums, text,
// expect: bytes, std::chrono, std::optional, std::variant, containers and plain structs of these,
// expect: or Json<T> and Binary<T> of others
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.set("k", Colour{});
#else
    cache.set("k", Colour{}.rgb());
#endif
}
